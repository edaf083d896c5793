"""The metrics of the dashboard: which measurement of the engine answers each, and which limit it is held against.

A rate of decisions is held against the limit as a *ratio*, lowest by highest, at least t = `fairness_threshold`: that
is the four-fifths rule at t = 0.8, and whatever keeps it keeps the difference of 1 − t as well. Rates of errors are
held against it as *differences*, at most 1 − t: a ratio of error rates depends on whether hits or misses are counted,
and two small rates have a wild one.

======================  =================================  ==========  ==========================================
metric                  measurement                        limit       needs
======================  =================================  ==========  ==========================================
demographic_parity      demographic_parity_ratio           ≥ t         decisions
disparate_impact        the same, shown as impact ratios   ≥ t         decisions
equal_opportunity       equal_opportunity_difference       ≤ 1 − t     labels
equalized_odds          equalized_odds_difference          ≤ 1 − t     labels
false_positive_…        predictive_equality_difference     ≤ 1 − t     labels
predictive_parity       predictive_parity_difference       ≤ 1 − t     labels
negative_predictive_…   negative_predictive_…_difference   ≤ 1 − t     labels
accuracy_equality       accuracy_difference                ≤ 1 − t     labels
calibration             calibration_error_difference       ≤ 1 − t     labels and scores
======================  =================================  ==========  ==========================================

References: 29 CFR 1607.4(D); M. Hardt et al. (2016), Equality of Opportunity in Supervised Learning, NeurIPS;
docs/ml/fairness_metrics.md for every measurement.
"""

from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, get_args

MetricName = Literal[
    "demographic_parity",
    "disparate_impact",
    "equal_opportunity",
    "equalized_odds",
    "false_positive_rate_parity",
    "predictive_parity",
    "negative_predictive_parity",
    "accuracy_equality",
    "calibration",
]
Direction = Literal["at_least", "at_most"]
Need = Literal["labels", "scores"]


@dataclass(frozen=True)
class Metric:
    """One metric.

    `measurement`: the engine's comparison that is held against the limit; `difference`: the engine's gap beside it;
    `rates`: what the groups' scores may show, the first by default; `needs`: what there must be besides decisions.
    """

    measurement: str
    difference: str
    rates: tuple[str, ...]
    needs: tuple[Need, ...] = ("labels",)

    @property
    def direction(self) -> Direction:
        """On which side of the limit the measurement should be."""
        return "at_least" if self.measurement.endswith("_ratio") else "at_most"


def _by_difference(measurement: str, *rates: str, needs: tuple[Need, ...] = ("labels",)) -> Metric:
    return Metric(measurement, measurement, rates, needs)


METRICS: MappingProxyType[MetricName, Metric] = MappingProxyType(
    {
        "demographic_parity": Metric(
            "demographic_parity_ratio", "demographic_parity_difference", ("favourable_rate",), ()
        ),
        "disparate_impact": Metric("demographic_parity_ratio", "demographic_parity_difference", ("impact_ratio",), ()),
        "equal_opportunity": _by_difference("equal_opportunity_difference", "true_positive_rate"),
        "equalized_odds": _by_difference("equalized_odds_difference", "true_positive_rate", "false_positive_rate"),
        "false_positive_rate_parity": _by_difference("predictive_equality_difference", "false_positive_rate"),
        "predictive_parity": _by_difference("predictive_parity_difference", "positive_predictive_value"),
        "negative_predictive_parity": _by_difference(
            "negative_predictive_parity_difference", "negative_predictive_value"
        ),
        "accuracy_equality": _by_difference("accuracy_difference", "accuracy"),
        "calibration": _by_difference("calibration_error_difference", "calibration_error", needs=("labels", "scores")),
    }
)
METRIC_NAMES: tuple[MetricName, ...] = get_args(MetricName)


def limit_of(metric: Metric, threshold: float) -> float:
    """Return the limit: the threshold for a ratio, what it leaves of 1 for a difference (0.2 for 0.8, exactly)."""
    if metric.direction == "at_least":
        return threshold
    return float(Decimal(1) - Decimal(repr(threshold)))


def gate_of(metric: Metric, threshold: float) -> str:
    """Return the gate as the engine reads it; `*` stands for the one attribute of the audit."""
    sign = ">=" if metric.direction == "at_least" else "<="
    return f"fairness.*.{metric.measurement}{sign}{limit_of(metric, threshold)!r}"


def lacking(metric: Metric, has_labels: bool, has_scores: bool) -> Need | None:
    """Return what the metric needs and is not there, None where it can be measured."""
    there = {"labels": has_labels, "scores": has_scores}
    return next((need for need in metric.needs if not there[need]), None)
