"""What a fairness assessment of numeric predictions holds: groups, comparisons, and a loss against its limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

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
    """One sensitive attribute: its groups, the comparisons between the judged ones, and the moments both come from."""

    groups: Mapping[str, RegressionGroup]
    metrics: Mapping[str, Measurement]
    bounded_group_loss: BoundedGroupLoss | None
    moments: Moments

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: comparisons by name, `bounded_group_loss` where there is a limit, `groups`."""
        limit = {} if self.bounded_group_loss is None else {"bounded_group_loss": self.bounded_group_loss.to_dict()}
        groups = {name: group.to_dict() for name, group in self.groups.items()}
        return {**_written(self.metrics), **limit, "groups": groups}


@dataclass(frozen=True)
class RegressionAssessment:
    """The assessment of every sensitive attribute, in the order they were given."""

    attributes: Mapping[str, RegressionAttribute]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, by attribute."""
        return {name: attribute.to_dict() for name, attribute in self.attributes.items()}


def _written(metrics: Mapping[str, Measurement]) -> dict[str, Any]:
    return {name: measurement.to_dict() for name, measurement in metrics.items()}
