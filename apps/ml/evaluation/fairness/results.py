"""What a fairness assessment holds: per attribute its groups, their rates, and the comparisons between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.ml.evaluation.fairness.levels import Families
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.counting.joint_counts import JointCounts
from apps.ml.evaluation.statistics.measurement import Measurement


@dataclass(frozen=True)
class GroupAssessment:
    """One group: its rows, whether it enters comparisons (`why_not` says in words why it does not), its metrics.

    `four_fifths`: how the group stands to four fifths of the highest favourable rate; None for a group that is not
    judged and for the highest itself.
    """

    n: int
    judged: bool
    why_not: str | None
    metrics: Mapping[str, Measurement]
    four_fifths: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: n, judged, why_not where there is one, the metrics by name, four_fifths where it applies."""
        reason = {"why_not": self.why_not} if self.why_not is not None else {}
        rule = {"four_fifths": dict(self.four_fifths)} if self.four_fifths is not None else {}
        return {"n": self.n, "judged": self.judged, **reason, **_measured(self.metrics), **rule}


@dataclass(frozen=True)
class ReferenceAssessment:
    """Signed comparisons of every other judged group with one reference group; `group` is None where none is judged."""

    group: str | None
    comparisons: Mapping[str, Mapping[str, Measurement]]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: `group`, and `comparisons` as group → name → measurement."""
        return {"group": self.group, "comparisons": {name: _measured(of) for name, of in self.comparisons.items()}}


@dataclass(frozen=True)
class AttributeAssessment:
    """One sensitive attribute: groups in display order, comparisons by name, and the counts all of it comes from.

    `conditional`: column → what is left of the difference within its values. `individual`: measures of inequality
    between persons, with their parts between and within the groups.
    """

    groups: Mapping[str, GroupAssessment]
    metrics: Mapping[str, Measurement]
    counts: CountTable
    reference: ReferenceAssessment
    conditional: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    individual: Mapping[str, Measurement] = field(default_factory=dict)

    @property
    def judged_groups(self) -> tuple[str, ...]:
        """Names of the groups that enter comparisons."""
        return tuple(name for name, group in self.groups.items() if group.judged)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: the comparisons by name, then `groups`, `reference`, `conditional` and `individual`."""
        return {
            **_measured(self.metrics),
            "groups": {name: group.to_dict() for name, group in self.groups.items()},
            "reference": self.reference.to_dict(),
            "conditional": {column: dict(found) for column, found in self.conditional.items()},
            "individual": _measured(self.individual),
        }


@dataclass(frozen=True)
class FairnessAssessment:
    """The assessment of every sensitive attribute, in the order they were given, and what it was made from.

    `joint`: the counts. `families`: how many intervals hold at once.
    """

    attributes: Mapping[str, AttributeAssessment]
    joint: JointCounts
    families: Families

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content of reports/metrics/fairness.json."""
        return {name: attribute.to_dict() for name, attribute in self.attributes.items()}

    def counts_to_dict(self) -> dict[str, Any]:
        """JSON-ready counts: attribute → count table, from which an auditor recomputes every rate without a row."""
        return {name: attribute.counts.to_dict() for name, attribute in self.attributes.items()}

    def inference_to_dict(self) -> dict[str, Any]:
        """JSON-ready account of the intervals: confidence, and the families whose intervals hold at once."""
        return self.families.to_dict()


def _measured(metrics: Mapping[str, Measurement]) -> dict[str, Any]:
    return {name: measurement.to_dict() for name, measurement in metrics.items()}
