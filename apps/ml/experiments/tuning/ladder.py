"""How a trial is given its resource: the rungs at which it is compared, and the looks between them."""

from dataclasses import dataclass

from apps.ml.errors import ParameterError
from apps.ml.parameters.tuning import Resource

DEFAULT_PART = 27
"""`model_tuning.resource.minimum` 0: a 27th of the maximum, three comparisons with the factor 3."""

LOOKS_APART = 3**0.25
"""A growing model is measured at every rung and, going down, at each so much smaller part of it: the best number of
rounds is then known to within a sixth."""


@dataclass(frozen=True)
class Ladder:
    """Rungs of one estimator, in units of its resource, ascending; the last one is the maximum.

    A trial is compared at every rung but the last: after `minimum × factor ** k` units, as long as as much again by the
    factor is left. Rungs of different estimators are compared as shares of the whole, counted from the top, in steps of
    1, factor, factor² …
    """

    rungs: tuple[int, ...]
    factor: int

    @property
    def maximum(self) -> int:
        """All that a trial is given."""
        return self.rungs[-1]

    def step(self, rung: int, levels: int) -> int:
        """Return what a rung is called in a study whose longest ladder has `levels` rungs."""
        return self.factor ** (levels - len(self.rungs) + rung)

    def looks(self, rung: int) -> tuple[int, ...]:
        """Return the units at which a growing model is measured up to a rung, since the one before; ascending."""
        end, before = self.rungs[rung], self.rungs[rung - 1] if rung else 0
        lowest = max(before + 1, self.maximum // DEFAULT_PART, 1)
        looks = [end]
        while round(looks[-1] / LOOKS_APART) >= lowest and round(looks[-1] / LOOKS_APART) < looks[-1]:
            looks.append(round(looks[-1] / LOOKS_APART))
        return tuple(reversed(looks))


def ladder(resource: Resource, available: int, unit: str, pruned: bool) -> Ladder:
    """Return the rungs for `available` units.

    Parameters
    ----------
    unit
        What the resource is called, for errors.
    pruned
        False: trials are not compared on the way, so there is one rung.

    Raises
    ------
    ParameterError
        The maximum is more than there is, or the minimum is not below it.
    """
    maximum = resource.maximum or available
    if unit == "rows" and maximum > available:
        raise ParameterError(
            f"model_tuning.resource.maximum: {maximum} rows, and a fold has {available} to train on. Give at most "
            "these, or 0 for all."
        )
    minimum = resource.minimum or max(1, maximum // DEFAULT_PART)
    if minimum >= maximum and resource.minimum:
        raise ParameterError(
            f"model_tuning.resource.minimum: {minimum} {unit} is not below the maximum of {maximum}. Lower it, or "
            "choose model_tuning.pruner none."
        )
    if not pruned:
        return Ladder((maximum,), resource.reduction_factor)
    rungs = []
    units = minimum
    while units * resource.reduction_factor <= maximum:
        rungs.append(units)
        units *= resource.reduction_factor
    return Ladder((*rungs, maximum), resource.reduction_factor)
