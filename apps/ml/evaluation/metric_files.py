"""Content of the metric files under reports/metrics/ that evaluation writes; nothing here writes to disk."""

from collections.abc import Mapping
from typing import Any

from apps.ml.evaluation.fairness.results import FairnessAssessment
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.shares.rates import Favourable


def performance_report(
    metrics: Mapping[str, Measurement], *, rows: int, threshold: float, positive_name: str, favourable: Favourable
) -> dict[str, Any]:
    """Return the content of performance.json: facts about the rows and decisions, then each metric by name."""
    facts = {"rows": rows, "threshold": threshold, "positive_name": positive_name, "favourable": favourable}
    return facts | {name: measurement.to_dict() for name, measurement in metrics.items()}


def fairness_report(assessment: FairnessAssessment) -> dict[str, Any]:
    """Return the content of fairness.json: attribute → comparisons by name, `groups`, `reference`, `conditional`, and
    `individual`."""
    return assessment.to_dict()
