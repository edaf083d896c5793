"""How the server is, read from its parts at one moment."""

import time

from apps.ml.deployment.native.predict_route import PredictRoute
from apps.ml.deployment.native.schemas import Readiness
from apps.ml.deployment.observation.state import ServerState
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.prediction_log.writer_status import FRESH_SECONDS, STATUS_FILE, WriterStatus, read_status

DRAINING = "The server is about to end and takes no more requests."


class Readings:
    """Asks shelf, log, door and scoring threads how they are."""

    def __init__(self, shelf: Shelf, options: Options, predict: PredictRoute) -> None:
        self._shelf, self._options, self._predict = shelf, options, predict

    def readiness(self) -> Readiness:
        """Return what /readyz tells."""
        served, state = self._shelf.served(), self._shelf.state
        reasons = self._reasons()
        ready = state == "ready" and not reasons
        return Readiness(
            ready=ready,
            state="ill" if state == "ready" and not ready else state,
            reason=" ".join(reasons) or None,
            notes=self._notes(),
            model=served[0].name if served else None,
            version=served[0].version if served else None,
        )

    def why_not_ready(self) -> str | None:
        """Return why predictions are not answered; None where they are."""
        return None if self._shelf.state == "ready" and not self._reasons() else self.readiness().reason

    def state(self) -> ServerState:
        """Return what the metrics tell beside the counts."""
        told, status = self.readiness(), self._writer()
        return ServerState(
            ready=told.ready,
            reasons=() if told.reason is None else (told.reason,),
            in_flight=self._options.door.in_flight,
            log_trouble=self._options.log.trouble(),
            log_lag_seconds=None if status is None else _lag_seconds(status),
            log_waiting_bytes=None if status is None else float(status.waiting_bytes),
            versions_refused=sum(slot.refused is not None for slot in self._shelf.slots),
            served=tuple(_labels(model) for model in self._shelf.served()),
        )

    def _reasons(self) -> list[str]:
        """Why predictions are not answered, or would not be answered well."""
        door = self._options.door
        reasons = (
            self._shelf.reason,
            DRAINING if door.draining else None,
            door.trouble(),
            None if self._options.log.room else self._options.log.trouble(),
            self._predict.trouble(),
        )
        return [reason for reason in reasons if reason is not None]

    def _notes(self) -> list[str]:
        """What is not in order though predictions are answered."""
        log = self._options.log
        late = log.trouble() if log.room else None
        notes = [] if late is None else [late]
        notes += [f"{model.label}: {model.basis_trouble}" for model in self._shelf.served() if model.basis_trouble]
        for slot in self._shelf.slots:
            if slot.refused is not None and slot.model is not None:
                notes.append(f"{slot.source.address}: version {slot.refused.version} is refused: {slot.refused.reason}")
            if slot.trouble is not None and slot.model is not None:
                notes.append(f"{slot.source.address}: {slot.trouble.reason}")
        return notes

    def _writer(self) -> WriterStatus | None:
        return None if self._options.state is None else read_status(self._options.state / STATUS_FILE)


def _lag_seconds(status: WriterStatus) -> float:
    """Where the writer is silent, nothing reached the database since it spoke last, as far as anybody knows."""
    silent = time.time() - status.at
    return status.lag_seconds + (silent if silent > FRESH_SECONDS else 0.0)


def _labels(model: ServedModel) -> tuple[str, str, str, str]:
    return model.name, model.version or "", model.alias or "", model.scorer.name
