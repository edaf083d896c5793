"""The counts of one attribute, which of its groups are judged, and the families of intervals over attributes."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.ml.data.processed import is_unknown_group
from apps.ml.evaluation.fairness.comparisons import RATE_COMPARISONS
from apps.ml.evaluation.fairness.comparisons import SAME_AS as SAME_COMPARISON
from apps.ml.evaluation.fairness.compositions import COMPOSED
from apps.ml.evaluation.fairness.group_metrics import COUNTED_METRICS, SCORING_METRICS
from apps.ml.evaluation.fairness.group_metrics import SAME_AS as SAME_METRIC
from apps.ml.evaluation.fairness.levels import Families, distinct
from apps.ml.evaluation.fairness.reference_comparisons import REFERENCE_COMPARISONS
from apps.ml.evaluation.fairness.score_metrics import SCORE_COMPARISONS, SCORE_METRICS
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.counting.joint_counts import JointCounts
from apps.ml.evaluation.statistics.counting.score_table import ScoreTable


@dataclass(frozen=True)
class AttributeCounts:
    """One attribute's counts: all groups, why those that are not judged are not, and what the scores add.

    `names`: the counted attributes that are crossed. `scoring`: rows whose score is above the median of all rows.
    """

    names: tuple[str, ...]
    table: CountTable
    why_not: tuple[str | None, ...]
    scores: ScoreTable | None
    scoring: CountTable | None

    @property
    def judged(self) -> list[bool]:
        """Whether each group enters comparisons."""
        return [reason is None for reason in self.why_not]

    @property
    def judged_names(self) -> list[str]:
        """Names of the groups that enter comparisons."""
        return [name for name, reason in zip(self.table.groups, self.why_not, strict=True) if reason is None]

    @property
    def weighted(self) -> bool:
        """Whether rows are weighted."""
        return self.table.weights is not None


def attribute_counts(
    joint: JointCounts, names: Sequence[str], minimum_group_size: int, scoring: CountTable | None = None
) -> AttributeCounts:
    """Collect the counts of one attribute or intersection.

    Raises
    ------
    DataError
        It was not counted.
    """
    table = joint.table(*names)
    why_not = tuple(
        _why_not_judged(name, int(n), minimum_group_size) for name, n in zip(table.groups, table.sizes, strict=True)
    )
    scores = joint.scores(*names) if joint.score_bins else None
    aligned = None if scoring is None else scoring.padded(table.groups)
    return AttributeCounts(tuple(names), table, why_not, scores, aligned)


def count_families(parts: Sequence[AttributeCounts], confidence: float) -> Families:
    """Count the intervals of each kind over all attributes, whether they turn out defined or not."""
    groups = sum(len(part.table.groups) for part in parts)
    others = sum(max(0, len(part.judged_names) - 1) for part in parts)
    scored = any(part.scores is not None for part in parts)
    scoring = any(part.scoring is not None for part in parts)
    metrics = [*COUNTED_METRICS, *(SCORING_METRICS if scoring else ()), *(SCORE_METRICS if scored else ())]
    comparisons = [*RATE_COMPARISONS, *COMPOSED, *(SCORE_COMPARISONS if scored else ())]
    return Families(
        confidence,
        {
            "group_metrics": groups * distinct(metrics, SAME_METRIC),
            "comparisons": len(parts) * distinct(comparisons, SAME_COMPARISON),
            "reference_comparisons": others * len(REFERENCE_COMPARISONS),
        },
    )


def _why_not_judged(name: str, n: int, minimum: int) -> str | None:
    if is_unknown_group(name):
        return "the group of these rows is unknown"
    if n < minimum:
        return f"{n} {'row is' if n == 1 else 'rows are'} fewer than the minimum group size of {minimum}"
    return None
