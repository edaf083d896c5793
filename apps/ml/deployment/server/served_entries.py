"""What is done about a version that begins to serve: it is written down, and its explanations are prepared."""

import threading
import time

from apps.ml.deployment.answering.call_log import CallLog
from apps.ml.deployment.explaining.preparation import explainer_of
from apps.ml.deployment.observation.logs import server_log
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.errors import FairMindError
from apps.ml.prediction_log.entries import ColumnEntry, VersionEntry


class ServedEntries:
    """Told by the shelf of every version that is about to serve."""

    def __init__(self, log: CallLog) -> None:
        self._log = log

    def __call__(self, model: ServedModel) -> None:
        """Write the version down; where the log has no room, it does not serve."""
        info = model.bundle.info
        columns = [ColumnEntry(column.name, column.kind, column.sensitive) for column in info.columns]
        self._log.append(
            VersionEntry(
                model.bundle_digest,
                time.time_ns() // 1000,
                model.name,
                model.version,
                model.address,
                model.evidence,
                info.threshold,
                model.scorer.name,
                columns,
            )
        )


class PreparedExplanations:
    """Told by the shelf of every version that is about to serve; prepares its explanations beside the answers."""

    def __call__(self, model: ServedModel) -> None:
        """Begin to prepare and return at once; who asks for an explanation meanwhile waits."""
        threading.Thread(target=_prepare, args=(model,), name="explainer", daemon=True).start()


def _prepare(model: ServedModel) -> None:
    if model.basis_trouble is not None:
        server_log().warning("basis_unused", model=model.name, version=model.version, reason=model.basis_trouble)
    try:
        explainer_of(model)
    except FairMindError as error:
        server_log().warning("explanations_unprepared", model=model.name, version=model.version, reason=str(error))
