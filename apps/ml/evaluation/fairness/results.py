"""What a fairness assessment holds: per attribute its groups, their rates, and the comparisons between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.ml.evaluation.statistics.counts import CountTable
from apps.ml.evaluation.statistics.measurement import Measurement


@dataclass(frozen=True)
class GroupAssessment:
    """One group: its rows, whether it enters comparisons (`why_not` says in words why it does not), its rates."""

    n: int
    judged: bool
    why_not: str | None
    metrics: Mapping[str, Measurement]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: n, judged, why_not where there is one, then the rates by name."""
        reason = {"why_not": self.why_not} if self.why_not is not None else {}
        return {"n": self.n, "judged": self.judged, **reason, **_measured(self.metrics)}


@dataclass(frozen=True)
class AttributeAssessment:
    """One sensitive attribute: groups in display order, comparisons by name, and the counts all of it comes from."""

    groups: Mapping[str, GroupAssessment]
    metrics: Mapping[str, Measurement]
    counts: CountTable

    @property
    def judged_groups(self) -> tuple[str, ...]:
        """Names of the groups that enter comparisons."""
        return tuple(name for name, group in self.groups.items() if group.judged)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: the comparisons by name, then `groups`."""
        return {**_measured(self.metrics), "groups": {name: group.to_dict() for name, group in self.groups.items()}}


@dataclass(frozen=True)
class FairnessAssessment:
    """The assessment of every sensitive attribute, in the order they were given."""

    attributes: Mapping[str, AttributeAssessment]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content of reports/metrics/fairness.json."""
        return {name: attribute.to_dict() for name, attribute in self.attributes.items()}


def _measured(metrics: Mapping[str, Measurement]) -> dict[str, Any]:
    return {name: measurement.to_dict() for name, measurement in metrics.items()}
