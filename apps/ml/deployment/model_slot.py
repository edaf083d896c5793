"""The place in a running server that holds its model, or says why there is none yet."""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Literal

from apps.ml.deployment.model_source import ModelSource
from apps.ml.deployment.refusals import RefusalError
from apps.ml.deployment.served_model import ServedModel
from apps.ml.errors import FairMindError

State = Literal["loading", "ready", "failed"]
UNEXPECTED = "Loading ended unexpectedly; the log of the server holds the cause."


class ModelSlot:
    """Filled once by a thread of its own, read by every request; a request keeps the model that it began with."""

    def __init__(self, source: ModelSource) -> None:
        self.source = source
        self.error: FairMindError | None = None
        self.seconds: float | None = None
        self._model: ServedModel | None = None
        self._finished = threading.Event()

    @property
    def state(self) -> State:
        """`ready` only once the model was loaded and its golden rows were reproduced."""
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
            message = "No model is loaded. Ask /readyz for the reason and try again later."
            raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", message, headers={"Retry-After": "1"})
        return model

    def fill_in_background(self, on_finished: Callable[["ModelSlot"], None]) -> None:
        """Start loading and return at once; `on_finished` is called from the loading thread, whatever came of it."""
        threading.Thread(target=self._fill, args=(on_finished,), name="model-loading", daemon=True).start()

    def _fill(self, on_finished: Callable[["ModelSlot"], None]) -> None:
        start = time.perf_counter()
        try:
            self._model = self.source.load()
            self.seconds = time.perf_counter() - start
        except FairMindError as error:
            self.error = error
        finally:
            self._finished.set()
            on_finished(self)
