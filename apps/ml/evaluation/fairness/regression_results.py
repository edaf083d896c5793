"""What a fairness assessment of numeric predictions holds: groups, comparisons, and a loss against its limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from apps.ml.evaluation.fairness.levels import Families
from apps.ml.evaluation.fairness.results import ReferenceAssessment
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.moments import Moments

Loss = Literal["absolute", "squared"]


@dataclass(frozen=True)
class BoundedGroupLoss:
    """Whether every judged group's loss stays within a limit: PASS, FAIL or INCONCLUSIVE."""

    loss: Loss
    limit: float
    largest: Measurement

    @property
    def verdict(self) -> str:
        """PASS where the upper bound is within the limit, FAIL where the lower bound is beyond it; never PASS or FAIL
        without an interval."""
        if self.largest.upper is not None and self.largest.upper <= self.limit:
            return "PASS"
        if self.largest.lower is not None and self.largest.lower > self.limit:
            return "FAIL"
        return "INCONCLUSIVE"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {"loss": self.loss, "limit": self.limit, "verdict": self.verdict, "largest": self.largest.to_dict()}


@dataclass(frozen=True)
class RegressionGroup:
    """One group: rows, whether it enters comparisons (`why_not` says in words why it does not), its measurements."""

    n: int
    why_not: str | None
    metrics: Mapping[str, Measurement]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: n, judged, why_not where there is one, then the measurements by name."""
        reason = {} if self.why_not is None else {"why_not": self.why_not}
        return {"n": self.n, "judged": self.why_not is None, **reason, **_written(self.metrics)}


@dataclass(frozen=True)
class RegressionAttribute:
    """One sensitive attribute: its groups, the comparisons between the judged ones, and the moments both come from.

    `reference`: means of every other judged group minus those of the reference group.
    """

    groups: Mapping[str, RegressionGroup]
    metrics: Mapping[str, Measurement]
    bounded_group_loss: BoundedGroupLoss | None
    moments: Moments
    reference: ReferenceAssessment

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: comparisons by name, `bounded_group_loss` where there is a limit, `groups`, `reference`, and
        room for what is measured `conditional` on columns and between `individual` persons."""
        limit = {} if self.bounded_group_loss is None else {"bounded_group_loss": self.bounded_group_loss.to_dict()}
        groups = {name: group.to_dict() for name, group in self.groups.items()}
        reference = self.reference.to_dict()
        own = {"groups": groups, "reference": reference, "conditional": {}, "individual": {}}
        return {**_written(self.metrics), **limit, **own}

    def moments_to_dict(self) -> dict[str, Any]:
        """JSON-ready moments by group; null in place of those of a group whose means are withheld."""
        shown = [any(one.is_defined for one in group.metrics.values()) for group in self.groups.values()]
        content = self.moments.to_dict()
        for part in ("means", "squares"):
            content[part] = [line if told else None for line, told in zip(content[part], shown, strict=True)]
        return content


@dataclass(frozen=True)
class RegressionAssessment:
    """The assessment of every sensitive attribute, in the order they were given; `families`: of their intervals."""

    attributes: Mapping[str, RegressionAttribute]
    families: Families

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, by attribute."""
        return {name: attribute.to_dict() for name, attribute in self.attributes.items()}

    def moments_to_dict(self) -> dict[str, Any]:
        """JSON-ready moments: attribute → rows, means and squares by group, from which every mean follows."""
        return {name: attribute.moments_to_dict() for name, attribute in self.attributes.items()}

    def inference_to_dict(self) -> dict[str, Any]:
        """JSON-ready account of the intervals: confidence, and the families whose intervals hold at once."""
        return self.families.to_dict()


def _written(metrics: Mapping[str, Measurement]) -> dict[str, Any]:
    return {name: measurement.to_dict() for name, measurement in metrics.items()}
