"""Which gates can be asked of a model: some measurements are made of decisions alone, others of predicted numbers.

One params.yaml serves data sets of both kinds. A gate on what the other kind has is not judged and is listed with the
reason; where no gate on performance or fairness is left, the verdict is INCONCLUSIVE, for want of evidence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.evaluation.fairness.comparisons import RATE_COMPARISONS
from apps.ml.evaluation.fairness.compositions import COMPOSED
from apps.ml.evaluation.fairness.group_metrics import COUNTED_METRICS, SCORING_METRICS
from apps.ml.evaluation.fairness.regression_measures import MEANS
from apps.ml.evaluation.fairness.score_metrics import SCORE_COMPARISONS, SCORE_METRICS
from apps.ml.evaluation.gates.judging import GateReport
from apps.ml.parameters import Gate

OF_DECISIONS = frozenset(
    {
        *("accuracy", "balanced_accuracy", "precision", "recall", "f1"),
        *("roc_auc", "pr_auc", "log_loss", "brier_score", "calibration_error"),
        *RATE_COMPARISONS,
        *COMPOSED,
        *SCORE_COMPARISONS,
        *COUNTED_METRICS,
        *SCORING_METRICS,
        *SCORE_METRICS,
        *("consistency", "counterfactual_flip_rate", "theil_index", "generalized_entropy"),
    }
)
"""Last key of the paths that lead to measurements of decisions and their scores."""

OF_NUMBERS = frozenset(
    {
        *MEANS,
        *(f"{name}_difference" for name in MEANS),
        *("root_mean_squared_error", "median_absolute_error", "r_squared", "calibration_slope"),
        *("prediction_deviation", "label_deviation", "largest_group_loss"),
        *("kolmogorov_smirnov_distance", "wasserstein_distance", "counterfactual_change"),
    }
)
"""Last key of the paths that lead to measurements of predicted numbers."""

OTHERS: Mapping[Task, frozenset[str]] = {CLASSIFICATION: OF_NUMBERS - OF_DECISIONS, REGRESSION: OF_DECISIONS}
WHY_NOT: Mapping[Task, str] = {
    CLASSIFICATION: "it is a measurement of predicted numbers, and the model decides",
    REGRESSION: "it is a measurement of decisions, and the model predicts numbers",
}
OF_THE_MODEL = ("performance.", "fairness.")


@dataclass(frozen=True)
class AskedGates:
    """The gates that can be judged, and why others cannot, by name; `wanting`: none about the model is left."""

    gates: tuple[Gate, ...]
    not_applicable: Mapping[str, str] = field(default_factory=dict)
    wanting: bool = False


def gates_for(task: Task, gates: Iterable[Gate]) -> AskedGates:
    """Divide gates into those that can be asked of a model of this task and those that cannot."""
    declared = tuple(gates)
    kept = tuple(gate for gate in declared if gate.metric.rsplit(".", 1)[-1] not in OTHERS[task])
    left_out = {gate.name: WHY_NOT[task] for gate in declared if gate not in kept}
    about_the_model = [gate for gate in _fixed(declared) if gate.metric.startswith(OF_THE_MODEL)]
    wanting = bool(about_the_model) and not any(gate in kept for gate in about_the_model)
    return AskedGates(kept, left_out, wanting)


def with_what_is_wanting(report: GateReport, asked: AskedGates, task: Task) -> GateReport:
    """Return the report; a PASS becomes INCONCLUSIVE where no gate about the model could be judged."""
    if not asked.wanting or report.verdict != "PASS":
        return report
    kind = "predicted numbers" if task == REGRESSION else "decisions"
    reason = f"{report.reason}; no gate on performance or fairness of {kind} was declared"
    return GateReport("INCONCLUSIVE", reason, report.results)


def _fixed(gates: Sequence[Gate]) -> list[Gate]:
    return [gate for gate in gates if gate.reference == "fixed"]
