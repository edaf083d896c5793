"""What is asked for and what is answered about one row."""

from dataclasses import dataclass, field
from typing import Any

from apps.ml.evaluation.explanations.ways.counterfactuals import Counterfactual

CONTRIBUTIONS, REASONS, COUNTERFACTUAL = "contributions", "reasons", "counterfactual"
"""The parts of an explanation."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which parts of an explanation are asked for."""

    contributions: bool = True
    reasons: bool = True
    counterfactual: bool = False


@dataclass(frozen=True, slots=True)
class GivenReason:
    """A principal reason: column, how the value is off, and the words for the person."""

    column: str
    direction: str
    words: str

    @property
    def code(self) -> str:
        """`<column>.<direction>`: the same for the same reason, whatever the words."""
        return f"{self.column}.{self.direction}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {"code": self.code, "column": self.column, "direction": self.direction, "words": self.words}


@dataclass(slots=True)
class RowExplanation:
    """The explanation of one row; None for what was not asked for or is undefined.

    `undefined`: part → why it has no value. `output`: the scale on which contributions and `base` add up to the score
    (`log-odds`, `probability`, `value`); `contributions`: input column → what it adds, the largest first; an
    interaction is named `a × b`. `sampling_error`: standard error of one contribution where they are sampled.
    `strongest_withheld`: whether what counted most against the person is sensitive or a declared proxy, so that the
    reasons leave it out.
    """

    output: str | None = None
    base: float | None = None
    contributions: dict[str, float] | None = None
    method: str | None = None
    sampling_error: float | None = None
    reasons: tuple[GivenReason, ...] | None = None
    reasons_method: str | None = None
    strongest_withheld: bool | None = None
    counterfactual: Counterfactual | None = None
    undefined: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, in the shape of :class:`apps.ml.deployment.explaining.shapes.ExplanationShape`."""
        listed = self.contributions
        return {
            "output": self.output,
            "base": self.base,
            "contributions": None
            if listed is None
            else [{"column": column, "contribution": value} for column, value in listed.items()],
            "method": self.method,
            "sampling_error": self.sampling_error,
            "reasons": None if self.reasons is None else [reason.to_dict() for reason in self.reasons],
            "reasons_method": self.reasons_method,
            "strongest_withheld": self.strongest_withheld,
            "counterfactual": None if self.counterfactual is None else _way(self.counterfactual),
            "undefined": self.undefined,
        }


def _way(way: Counterfactual) -> dict[str, Any]:
    changes = [
        {"column": one.column, "direction": one.direction, "value": one.value, "deviations": one.deviations}
        for one in way.changes
    ]
    return {"changes": changes, "cost": way.cost}
