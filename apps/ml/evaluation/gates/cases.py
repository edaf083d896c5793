"""One gate beside one measurement: its bounds at the gate's confidence, or the reason why it cannot be judged."""

import math
from dataclasses import dataclass

from apps.ml.evaluation.gates.counts import Counted, CountedFairness, Direction, counted_share
from apps.ml.evaluation.gates.paths import PARAMETERS, GatesOrigin, Leaf
from apps.ml.parameters import Gate

MOST_ROWS = 1_000_000_000
"""An estimate this close to its limit is not settled by any number of rows that people have."""


@dataclass(frozen=True)
class Case:
    """What a gate is judged by.

    `lower` and `upper` bound the true value at `confidence`; both None for a number without interval. `refusal`: why
    there is no judging. `p_value` of failing: for what belongs to the family of fairness measurements, else None.
    """

    gate: Gate
    leaf: Leaf
    lower: float | None = None
    upper: float | None = None
    confidence: float | None = None
    refusal: str | None = None
    p_value: float | None = None
    counted: Counted | None = None

    @property
    def direction(self) -> Direction:
        """On which side of the limit a measurement should be."""
        return "at_least" if self.gate.at_least is not None else "at_most"

    @property
    def limit(self) -> float:
        """The gate's limit."""
        found = self.gate.at_least if self.gate.at_least is not None else self.gate.at_most
        if found is None:
            raise ValueError("a gate has a limit; Gate refuses to be built without")
        return found

    @property
    def words(self) -> str:
        """What the gate asks for, as words: `at least 0.8`."""
        return f"{self.direction.replace('_', ' ')} {stated_number(self.limit)}"

    @property
    def passes(self) -> bool:
        """Whether the interval's worse end is within the limit."""
        return self._worse is not None and math.isfinite(self._worse) and self.within(self._worse)

    @property
    def fails(self) -> bool:
        """Whether the interval's better end is beyond the limit."""
        return self._better is not None and math.isfinite(self._better) and not self.within(self._better)

    def within(self, value: float) -> bool:
        """Whether a value is on the right side of the limit."""
        return value >= self.limit if self.direction == "at_least" else value <= self.limit

    def rows_to_decide(self, family: int) -> int | None:
        """Return about how many rows would decide if the estimate stayed, None where no such number is had.

        A verdict towards FAIL has to hold for all of a `family`: it is asked for at the confidence of Bonferroni, which
        is never less than Holm's.
        """
        value = self.leaf.value
        if value is None:
            return None
        if self.counted is not None and self.confidence is not None:
            strict = self.confidence if self.within(value) else 1 - (1 - self.confidence) / family
            rows = self.counted.rows_to_decide(self.limit, strict)
            return rows if rows is not None and rows < MOST_ROWS else None
        return self._rows_by_square_root(value)

    def _rows_by_square_root(self, value: float) -> int | None:
        """Rows at which the nearer bound, drawing nearer with the square root of the rows, would reach the limit."""
        bound = self._worse if self.within(value) else self._better
        if self.leaf.n is None or bound is None or not math.isfinite(bound):
            return None
        distance, half_width = abs(self.limit - value), abs(bound - value)
        if self.leaf.n * half_width**2 >= MOST_ROWS * distance**2:
            return None
        # Rounding first, so that the last bit of a quotient does not ask for a row more.
        return math.ceil(round(self.leaf.n * (half_width / distance) ** 2, 6))

    @property
    def _worse(self) -> float | None:
        return self.lower if self.direction == "at_least" else self.upper

    @property
    def _better(self) -> float | None:
        return self.upper if self.direction == "at_least" else self.lower


def build_case(gate: Gate, leaf: Leaf, fairness: CountedFairness, origin: GatesOrigin = PARAMETERS) -> Case:
    """Bound a measurement at the gate's confidence, from its counts where they are there."""
    refusal = _why_not_judged(gate, leaf)
    if refusal is not None:
        return Case(gate, leaf, leaf.lower, leaf.upper, leaf.confidence, refusal)
    confidence = gate.confidence if gate.confidence is not None else leaf.confidence
    if leaf.plain or confidence is None:
        return Case(gate, leaf, leaf.lower, leaf.upper)
    counted = fairness.find(leaf) or counted_share(leaf)
    if counted is None:
        refusal = _why_not_at(gate.confidence, leaf, origin)
        return Case(gate, leaf, leaf.lower, leaf.upper, leaf.confidence, refusal)
    lower, upper = (leaf.lower, leaf.upper) if gate.confidence is None else counted.bounds(gate.confidence)
    case = Case(gate, leaf, lower, upper, confidence, counted=counted)
    if leaf.keys[0] != "fairness":
        return case
    return Case(gate, leaf, lower, upper, confidence, None, counted.p_value(case.direction, case.limit), counted)


def empty_case(gate: Gate) -> Case:
    """Return the case of a gate whose `*` stands for nothing."""
    return Case(gate, Leaf(tuple(gate.metric.split(".")), None), refusal="the path leads to no judged measurement")


def stated_number(value: float | None) -> str:
    """Return a bound or a limit as text."""
    return "unbounded" if value is None else f"{value:.4g}"


def stated_confidence(confidence: float | None) -> str:
    """Return a confidence as text that stands before the word interval."""
    return f"{100 * confidence:.6g}% " if confidence is not None else ""


def _why_not_judged(gate: Gate, leaf: Leaf) -> str | None:
    if leaf.undefined is not None or leaf.value is None or not math.isfinite(leaf.value):
        return f"undefined: {leaf.undefined or 'the measurement is not a finite number'}"
    if gate.minimum_rows and leaf.n is None:
        return f"it does not say on how many rows it rests, and the gate asks for {gate.minimum_rows:,}"
    if leaf.n is not None and leaf.n < gate.minimum_rows:
        return f"it rests on {leaf.n:,} rows, fewer than the {gate.minimum_rows:,} that the gate asks for"
    return None


def _why_not_at(asked: float | None, leaf: Leaf, origin: GatesOrigin) -> str | None:
    """Say why an interval does not do for the confidence that is asked for; a wider one does for less."""
    if asked is None or (leaf.confidence is not None and asked <= leaf.confidence):
        return None
    measured = f"at {stated_confidence(leaf.confidence)}" if leaf.confidence is not None else "without a "
    return (
        f"it was measured {measured}confidence and the gate asks for {100 * asked:.6g}%. "
        f"{origin.more_confidence.format(confidence=asked)}"
    )
