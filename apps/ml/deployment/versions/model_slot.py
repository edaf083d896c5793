"""The place in a running server that holds what is served for one source, or says why there is nothing yet."""

import threading
import time
import traceback
from collections.abc import Callable
from http import HTTPStatus
from typing import Literal

from apps.ml.deployment.observation.logs import LOGGER
from apps.ml.deployment.requests.caller import Asked
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.versions.kept_versions import KeptVersions
from apps.ml.deployment.versions.model_source import ModelSource, RegistrySource
from apps.ml.deployment.versions.registry_versions import RegisteredVersion
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.slot_facts import Refused, SwapFacts, Trouble
from apps.ml.errors import BundleError, FairMindError

State = Literal["loading", "ready", "failed"]
OnServed = Callable[[ServedModel], None]
UNEXPECTED = "Loading ended unexpectedly; the log of the server holds the cause."
RETRY_SECONDS = 1


class ModelSlot:
    """Filled and refreshed by one thread at a time, read by every request; a request keeps the model it began with.

    `refused`: the version that the source names and that may not serve. `trouble`: why the registry could not be asked.
    `error`: why the last attempt failed, None after one that did not. `seconds`: how long the last loading took.
    """

    def __init__(self, source: ModelSource, kept: KeptVersions | None = None) -> None:
        self.source = source
        self.refused: Refused | None = None
        self.trouble: Trouble | None = None
        self.error: FairMindError | None = None
        self.seconds: float | None = None
        self._kept = kept or KeptVersions()
        self._model: ServedModel | None = None
        self._version: RegisteredVersion | None = None
        self._refused_version: RegisteredVersion | None = None
        self._finished = threading.Event()

    @property
    def state(self) -> State:
        """`ready` only once a model was loaded and its golden rows were reproduced."""
        if self._model is not None:
            return "ready"
        return "failed" if self._finished.is_set() else "loading"

    @property
    def reason(self) -> str | None:
        """Why the slot is not ready; None when it is."""
        if self.state == "ready":
            return None
        if self.state == "loading":
            return f"The model {self.source.address} is being loaded."
        return str(self.error) if self.error else UNEXPECTED

    @property
    def model(self) -> ServedModel | None:
        """The served model, or None."""
        return self._model

    def served(self) -> ServedModel:
        """Return the served model; :class:`RefusalError` 503 while there is none."""
        model = self._model
        if model is None:
            raise not_ready()
        return model

    def may_come_to_mean(self, asked: Asked) -> bool:
        """Tell whether an empty slot, once it is filled, may be what a request names."""
        if not isinstance(self.source, RegistrySource):
            return True
        source = self.source
        pairs = ((asked.model, source.name), (asked.alias, source.alias), (asked.version, source.version))
        known = pairs if source.version else pairs[:2]
        return all(wanted is None or wanted == there for wanted, there in known)

    def fill(self, on_served: OnServed) -> None:
        """Load the model; a failure is kept as the reason. `on_served` is told before the model answers."""
        try:
            self.refresh(on_served, again=True)
        finally:
            self._finished.set()

    def refresh(self, on_served: OnServed, again: bool = False) -> SwapFacts | None:
        """Serve what the source names now, in one step, and return the swap; None where nothing was swapped.

        Whatever goes wrong, what was served keeps serving and `refused` or `trouble` say why.

        Parameters
        ----------
        on_served
            Told of the version before it answers anybody.
        again
            Try a version once more that was refused.
        """
        version, start = None, time.perf_counter()
        try:
            if not self._can_move():
                return None
            version = self._named_version()
            if not self._is_due(version, again):
                return None
            model, was_warm = self._load(version)
            on_served(model)
        except FairMindError as error:
            self._note_failure(error, version)
            return None
        except Exception as error:  # noqa: BLE001 - whatever an artefact provokes, the version before it keeps serving
            frames = "".join(traceback.format_tb(error.__traceback__))
            LOGGER.error("loading_failed", address=self.source.address, kind=type(error).__name__, frames=frames)
            self._note_failure(BundleError(UNEXPECTED), version)
            return None
        return self._swap(model, version, was_warm, time.perf_counter() - start)

    def _can_move(self) -> bool:
        """What is loaded from a folder, or is one version of the registry, stays; without a model any source is due."""
        if self._model is None:
            return True
        return isinstance(self.source, RegistrySource) and self.source.alias is not None

    def _named_version(self) -> RegisteredVersion | None:
        return self.source.named_version() if isinstance(self.source, RegistrySource) else None

    def _is_due(self, version: RegisteredVersion | None, again: bool) -> bool:
        if self._model is not None and version == self._version:
            self._end_trouble()
            self.refused = self._refused_version = self.error = None
            return False
        if self.refused is None or version != self._refused_version or again:
            return True
        self._end_trouble()
        return False

    def _load(self, version: RegisteredVersion | None) -> tuple[ServedModel, bool]:
        """Return the model and whether it was in memory already."""
        if version is None or not isinstance(self.source, RegistrySource):
            return self.source.load(), False
        known = self._kept.find(version)
        model = self.source.load_version(version) if known is None else self.source.adopt(known)
        self._kept.note(version, model)
        return model, known is not None

    def _swap(self, model: ServedModel, version: RegisteredVersion | None, was_warm: bool, seconds: float) -> SwapFacts:
        before = self._model
        self._model = model
        self._end_trouble()
        self._version, self.seconds = version, seconds
        self.refused = self._refused_version = self.error = None
        if before is not None:
            self._kept.keep(before)
        number = before.version if before is not None else None
        LOGGER.info("swap", address=self.source.address, before=number, after=model.version, seconds=round(seconds, 3))
        return SwapFacts(self.source.address, model.name, number, model.version, seconds, was_warm, time.time())

    def _note_failure(self, error: FairMindError, version: RegisteredVersion | None) -> None:
        self.error = error
        if isinstance(error, BundleError):
            number = version.number if version else None
            self._end_trouble()
            self.refused, self._refused_version = Refused(number, str(error), time.time()), version
            LOGGER.warning("version_refused", address=self.source.address, version=number, reason=str(error))
        elif self.trouble is None or self.trouble.reason != str(error):
            since = self.trouble.since if self.trouble else time.time()
            self.trouble = Trouble(since, str(error))
            LOGGER.warning("version_unknown", address=self.source.address, reason=str(error))

    def _end_trouble(self) -> None:
        if self.trouble is not None:
            LOGGER.info("version_known_again", address=self.source.address)
            self.trouble = None


def not_ready() -> RefusalError:
    """Return the refusal of a request whose model is not loaded."""
    message = "No model is loaded. Ask /readyz for the reason and try again later."
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", message, headers=headers)
