"""Dividing requests among arms: the same subject always by the same arm, until the planned weights change."""

import bisect
import hashlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from apps.ml.deployment.requests.caller import Asked
from apps.ml.deployment.traffic.layout import layouts
from apps.ml.deployment.traffic.plan import TrafficPlan
from apps.ml.deployment.versions.chosen import Chosen
from apps.ml.deployment.versions.model_slot import ModelSlot
from apps.ml.deployment.versions.model_source import RegistrySource
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.errors import BadInputError

PLACE_BYTES = 4
FALLBACK = "fallback:"
"""Before the name of an arm whose version is not loaded: the first arm's version answered in its place."""


@dataclass(frozen=True)
class Assigned:
    """The arm of one request. `sticky`: it follows from the subject; else it was drawn and may differ next time."""

    arm: str
    sticky: bool


class TrafficChooser:
    """A chooser over a shelf that holds the versions of all arms.

    A request is divided if it names neither a version nor an alias, and either names the plan's model or names none
    while the shelf answers such requests with that model. All others bypass the plan, and have no arm.

    Raises
    ------
    BadInputError
        The version of an arm is not on the shelf.
    """

    def __init__(self, shelf: Shelf, plan: TrafficPlan, clock: Callable[[], float] = time.time) -> None:
        self._shelf = shelf
        self._plan = plan
        self._clock = clock
        self._starts = plan.starts
        self._layouts = layouts(plan.weights())
        self._names = [arm.name for arm in plan.arms]
        self._slots = _slots(shelf, plan)
        self._salted = hashlib.sha256(plan.salt.encode() + b"\x00")
        self._unnamed_are_divided = _is_of(plan, shelf.slots[0], self._slots)

    def choose(self, asked: Asked) -> Chosen:
        """Return the version and the arm.

        An arm whose version is not loaded is answered by the first arm's version and written down as `fallback:<arm>`,
        so that no comparison counts a subject in an arm that it was not assigned to.

        Raises
        ------
        RefusalError
            503 where neither is loaded; for what bypasses the plan see :meth:`Shelf.choose`.
        """
        if asked.version is not None or asked.alias is not None or not self._is_divided(asked.model):
            return self._shelf.choose(asked)
        number = self._number(self._place(asked.subject))
        model = self._slots[number].model
        if model is not None:
            return Chosen(asked, model, self._names[number])
        return Chosen(asked, self._slots[0].served(), FALLBACK + self._names[number])

    def assign(self, subject: str | None) -> Assigned:
        """Return the arm of a subject now; for None one is drawn."""
        return Assigned(self._names[self._number(self._place(subject))], subject is not None)

    def weights(self) -> dict[str, float]:
        """Return the planned weights now, by arm; what shares are compared with."""
        return dict(zip(self._names, self._plan.weights()[self._step()], strict=True))

    def _is_divided(self, model: str | None) -> bool:
        return self._unnamed_are_divided if model is None else model == self._plan.model

    def _place(self, subject: str | None) -> int:
        """The first 32 bits of sha256(salt, NUL, subject); a draw where there is no subject."""
        if subject is None:
            return random.getrandbits(8 * PLACE_BYTES)
        salted = self._salted.copy()
        salted.update(subject.encode("utf-8", "surrogatepass"))
        return int.from_bytes(salted.digest()[:PLACE_BYTES], "big")

    def _number(self, place: int) -> int:
        return self._layouts[self._step()].arm_at(place)

    def _step(self) -> int:
        return bisect.bisect_right(self._starts, self._clock()) if self._starts else 0


def _slots(shelf: Shelf, plan: TrafficPlan) -> list[ModelSlot]:
    known = {slot.source.address: slot for slot in reversed(shelf.slots)}
    addresses = [plan.address(arm) for arm in plan.arms]
    for address in addresses:
        if address not in known:
            raise BadInputError(f"{address} is an arm of the plan and is not served. Name it with --model too.")
    return [known[address] for address in addresses]


def _is_of(plan: TrafficPlan, slot: ModelSlot, arms: list[ModelSlot]) -> bool:
    named = slot.source.name if isinstance(slot.source, RegistrySource) else None
    return slot in arms or named == plan.model
