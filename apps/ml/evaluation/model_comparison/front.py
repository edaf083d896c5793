"""Which models no other one beats in both a performance and an unfairness, on the estimates and beyond noise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from apps.ml.evaluation.model_comparison.measures import Better
from apps.ml.evaluation.model_comparison.verdicts import excludes_zero
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.shares.simultaneous import simultaneous_confidence

Standing = Literal["optimal beyond noise", "optimal within noise", "beaten"]
Measured = Mapping[str, Any]
PairedDifference = Callable[[int, int, str, float], Measurement | None]
"""(place of one, place of another, path, confidence) → one − another on common rows, None where it cannot be had."""


@dataclass(frozen=True)
class Axis:
    """One axis of the front: path of a metric, and which direction is good."""

    path: str
    better: Better


@dataclass(frozen=True)
class FrontPoint:
    """A model on the front's plane: its two measurements (`value`, `lower`, `upper`) and where it stands."""

    name: str
    performance: Measured
    unfairness: Measured
    standing: Standing


def stand(
    names: Sequence[str],
    measured: Sequence[tuple[Measured, Measured]],
    axes: tuple[Axis, Axis],
    paired: PairedDifference,
    confidence: float,
) -> tuple[FrontPoint, ...]:
    """Place models on the front.

    A model is *optimal* where no other one is at least as good in both and better in one. It is so *beyond noise* where
    it is shown to be better than every other one in at least one of the two: by the paired difference where there is
    one, else where both intervals are apart. All these claims hold at once at `confidence`.

    Parameters
    ----------
    names : of the models that have both measurements
    measured : per model (performance, unfairness), each with `value`, and with `lower` and `upper` or without interval
    axes : direction of performance and of unfairness
    paired : differences on common rows
    confidence : float in (0, 1)
    """
    pairs = list(combinations(range(len(names)), 2))
    level = simultaneous_confidence(confidence, max(1, 2 * len(pairs)))
    ahead: set[tuple[int, int]] = set()
    for one, other in pairs:
        for which, axis in enumerate(axes):
            found = paired(one, other, axis.path, level)
            side = _paired_side(found) if found is not None else _apart(measured[one][which], measured[other][which])
            if side:
                wins = (side > 0) == (axis.better == "higher")
                ahead.add((one, other) if wins else (other, one))
    return tuple(FrontPoint(name, *measured[at], _standing(at, measured, axes, ahead)) for at, name in enumerate(names))


def _standing(
    at: int, measured: Sequence[tuple[Measured, Measured]], axes: tuple[Axis, Axis], ahead: set[tuple[int, int]]
) -> Standing:
    others = [other for other in range(len(measured)) if other != at]
    if any(_beats(measured[other], measured[at], axes) for other in others):
        return "beaten"
    return "optimal beyond noise" if all((at, other) in ahead for other in others) else "optimal within noise"


def _beats(one: tuple[Measured, Measured], other: tuple[Measured, Measured], axes: tuple[Axis, Axis]) -> bool:
    gains = [
        (mine["value"] - theirs["value"]) * (1 if axis.better == "higher" else -1)
        for mine, theirs, axis in zip(one, other, axes, strict=True)
    ]
    return min(gains) >= 0 and max(gains) > 0


def _paired_side(found: Measurement) -> int:
    """1 where the first is shown to be larger, −1 where it is shown to be smaller, else 0."""
    if not excludes_zero(found) or found.value is None or found.lower == found.upper:
        return 0
    return 1 if found.value > 0 else -1


def _apart(one: Measured, other: Measured) -> int:
    if any(bound.get(end) is None for bound in (one, other) for end in ("lower", "upper")):
        return 0
    return 1 if one["lower"] > other["upper"] else -1 if one["upper"] < other["lower"] else 0
