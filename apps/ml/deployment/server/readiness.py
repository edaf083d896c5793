"""How the server is, read from its parts at one moment."""

from apps.ml.deployment.answering.call_log import CallLog
from apps.ml.deployment.native.schemas import Readiness
from apps.ml.deployment.observation.state import ServerState
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.shelf import Shelf


class Readings:
    """Asks shelf and log how they are."""

    def __init__(self, shelf: Shelf, log: CallLog) -> None:
        self._shelf, self._log = shelf, log

    def readiness(self) -> Readiness:
        """Return what /readyz tells."""
        state, trouble = self._shelf.state, self._log.trouble()
        served = self._shelf.served()
        ready = state == "ready" and trouble is None
        reasons = [reason for reason in (self._shelf.reason, trouble) if reason is not None]
        return Readiness(
            ready=ready,
            state="ill" if state == "ready" and not ready else state,
            reason=" ".join(reasons) or None,
            model=served[0].name if served else None,
            version=served[0].version if served else None,
        )

    def state(self) -> ServerState:
        """Return what the metrics tell beside the counts."""
        told = self.readiness()
        return ServerState(
            ready=told.ready,
            reasons=() if told.reason is None else (told.reason,),
            in_flight=0,
            log_trouble=self._log.trouble(),
            log_lag_seconds=None,
            log_waiting_bytes=None,
            versions_refused=0,
            served=tuple(
                (model.name, model.version or "", model.alias or "", model.scorer.name)
                for model in self._shelf.served()
            ),
        )


def _labels(model: ServedModel) -> tuple[str, str, str, str]:
    return model.name, model.version or "", model.alias or "", model.scorer.name
