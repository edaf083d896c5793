"""Writes down which version begins to serve, before its first answer."""

import time

from apps.ml.deployment.answering.call_log import CallLog
from apps.ml.deployment.versions.served_model import ServedModel
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
