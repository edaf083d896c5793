"""What the command says while it serves: one line per event, for people or for machines."""

import gc
import json
import sys
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from apps.ml.deployment.versions.model_slot import UNEXPECTED
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.errors import ServiceUnavailableError

GARBAGE_THRESHOLDS = (20_000, 20, 50)
"""Answers make few cycles; looking for them seldom costs little memory and spares the slowest answers."""


@dataclass
class Announcements:
    """One line per event: on stderr for people, as JSON on stdout for machines."""

    as_json: bool
    is_silent: bool = False

    def say(self, event: str, text: str, **facts: Any) -> None:
        """Print one event at once."""
        if self.is_silent:
            return
        if self.as_json:
            print(json.dumps({"event": event, **facts}), flush=True)
        else:
            print(text, file=sys.stderr, flush=True)


@dataclass
class LoadingEnd:
    """What the loading thread does at its end: it announces the model, or stops the server."""

    announcements: Announcements
    address: str
    shelf: Shelf | None = None
    server: uvicorn.Server | None = field(default=None, repr=False)

    def __call__(self, shelf: Shelf) -> None:
        """Take note of the shelf; a server without a model has nothing to do."""
        self.shelf = shelf
        if shelf.state != "ready":
            if self.server is not None:
                self.server.should_exit = True
            return
        spare_loaded_objects()
        for slot in shelf.slots:
            if slot.model is not None:
                self._announce(slot.model, slot.seconds)

    def _announce(self, model: ServedModel, seconds: float | None) -> None:
        text = f"Ready after {seconds or 0.0:.1f} s: {model.label} answers at {self.address}/v1/predict"
        facts = {"model": model.name, "version": model.version, "alias": model.alias, "evidence": model.evidence}
        self.announcements.say("ready", text, address=self.address, scorer=model.scorer.name, **facts)

    def raise_failure(self) -> None:
        """Raise what kept the models from being loaded, if anything did.

        Raises
        ------
        FairMindError
            See :meth:`ModelSource.load`.
        """
        if self.shelf is None or self.shelf.state == "ready":
            return
        for slot in self.shelf.slots:
            if slot.error is not None:
                raise slot.error
        raise ServiceUnavailableError(UNEXPECTED)


def spare_loaded_objects() -> None:
    """Let the garbage collector look no more at what is loaded now and stays: its rounds would hold answers up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
