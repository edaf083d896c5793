"""Options of the mitigations: what is done about a gap between groups, and how far."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from apps.ml.parameters.values import Count, Positive, Section, Share

Constraint = Literal["equalized_odds", "equal_opportunity", "demographic_parity", "bounded_group_loss"]

MitigationName = Literal[
    "none",
    "reweighing",
    "resampling",
    "correlation_remover",
    "exponentiated_gradient",
    "grid_search",
    "fair_boosting",
    "threshold_optimizer",
    "group_thresholds",
    "blind_post_processing",
]


def _two_or_none(folds: int) -> int:
    if folds == 1:
        raise ValueError("one fold leaves no rows to fit to: give 0 (validation rows only) or at least 2")
    return folds


Folds = Annotated[int, Field(ge=0, le=20), AfterValidator(_two_or_none)]


class ResamplingOptions(Section):
    """Rows are drawn so that label and group become independent: repeated, left out, or both."""

    draw: Literal["over", "under", "both"] = "both"


class CorrelationRemoverOptions(Section):
    """fairlearn's CorrelationRemover: `alpha` 1 removes the whole linear part, 0 nothing."""

    alpha: Share = 1.0


class ExponentiatedGradientOptions(Section):
    """fairlearn's ExponentiatedGradient; `eps` 0: half the tolerance. An iteration fits up to nine models."""

    eps: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    max_iter: Count = 15


class GridSearchOptions(Section):
    """fairlearn's GridSearch: `grid_size` multipliers up to `grid_limit`; validation rows pick among the models."""

    grid_size: Count = 15
    grid_limit: Positive = 0.3


class FairBoostingOptions(Section):
    """Boosting whose rounds pay for gaps between groups (LightGBM): multipliers rise while a gap is too wide.

    `multiplier_step`: how fast. `smoothness`: steepness of the smooth step that stands in for a decision in the
    gradient. `folds`: of training rows; each is decided by a model that did not see it (0: validation rows only).
    """

    multiplier_step: Positive = 1.0
    smoothness: Positive = 1.0
    folds: Folds = 5


class ThresholdOptimizerOptions(Section):
    """fairlearn's ThresholdOptimizer: thresholds per group, mixed by chance where that is needed."""

    grid_size: Annotated[int, Field(ge=10)] = 1000


class GroupThresholdsOptions(Section):
    """One threshold per group, without chance: the most accurate ones within the tolerance.

    `folds`: of training rows; each is scored by a model that did not see it, and thresholds are chosen on these rows
    and validation rows (0: validation rows only). `true_positive_share`: under equalized odds, the part of the
    tolerance that true positive rates may use; they rest on few rows and come out wider on other people. `margin`: the
    part of the tolerance that is kept back from all rates.
    """

    folds: Folds = 5
    true_positive_share: Share = 0.1
    margin: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class BlindPostProcessingOptions(Section):
    """Scores moved by what features tell of group and label, so that no attribute is needed at decision time.

    `folds`, `true_positive_share`, `margin`: as for group_thresholds.
    """

    folds: Folds = 5
    true_positive_share: Share = 0.1
    margin: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class MitigationOptions(Section):
    """Options of every mitigation that has some; only those of the chosen one are read."""

    resampling: ResamplingOptions = ResamplingOptions()
    correlation_remover: CorrelationRemoverOptions = CorrelationRemoverOptions()
    exponentiated_gradient: ExponentiatedGradientOptions = ExponentiatedGradientOptions()
    grid_search: GridSearchOptions = GridSearchOptions()
    fair_boosting: FairBoostingOptions = FairBoostingOptions()
    threshold_optimizer: ThresholdOptimizerOptions = ThresholdOptimizerOptions()
    group_thresholds: GroupThresholdsOptions = GroupThresholdsOptions()
    blind_post_processing: BlindPostProcessingOptions = BlindPostProcessingOptions()


class Mitigation(Section):
    """What is done about gaps between the groups of one sensitive attribute.

    `tolerance`: the largest gap that is aimed at on validation rows (a difference of shares; for
    `bounded_group_loss` a mean absolute error of a group, in the label's unit).
    """

    method: MitigationName = "none"
    attribute: str = ""
    constraint: Constraint = "equalized_odds"
    tolerance: Positive = 0.02
    options: MitigationOptions = MitigationOptions()

    @model_validator(mode="after")
    def _fits_together(self) -> "Mitigation":
        if self.method != "none" and not self.attribute:
            raise ValueError(f"{self.method} needs `attribute`: the sensitive attribute whose groups it compares")
        if self.constraint != "bounded_group_loss" and self.tolerance >= 1:
            raise ValueError("`tolerance` is a difference of shares for this constraint: give a number below 1")
        return self
