"""Options of the estimators, each beside the space in which tuning may search it.

Adding an estimator: a class of options here, a line in :data:`MEMBER_OPTIONS`, a field in :class:`Estimators`, and an
entry in apps.ml.models.catalogue; a test holds them to each other.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from apps.ml.parameters.search import Choice, Range
from apps.ml.parameters.values import Count, OpenShare, Positive, Section
from apps.ml.validation_errors import describe_validation_errors, nearest_name

Rate = Annotated[float, Field(gt=0.0, le=1.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Depth = Annotated[int, Field(ge=0)]
Bins = Annotated[int, Field(ge=2, le=65_535)]
Leaves = Annotated[int, Field(ge=2)]


class LogisticRegressionOptions(Section):
    """scikit-learn's LogisticRegression (L2)."""

    C: Annotated[Positive, Range(1e-3, 1e2, log=True)] = 1.0
    max_iter: Count = 2000


class LinearRegressionOptions(Section):
    """scikit-learn's Ridge: least squares with an L2 penalty of strength `alpha`."""

    alpha: Annotated[Positive, Range(1e-3, 1e3, log=True)] = 1.0


class LinearSVMOptions(Section):
    """scikit-learn's LinearSVC, for numeric labels LinearSVR (`epsilon` in deviations of the label)."""

    C: Annotated[Positive, Range(1e-3, 1e2, log=True)] = 1.0
    epsilon: NonNegative = 0.0
    max_iter: Count = 5000


class SVMOptions(Section):
    """scikit-learn's SVC, for numeric labels SVR (`epsilon` in deviations of the label); slow: rows count squared."""

    C: Annotated[Positive, Range(1e-2, 1e2, log=True)] = 1.0
    kernel: Annotated[Literal["rbf", "poly", "sigmoid"], Choice(("rbf", "poly"))] = "rbf"
    gamma: Literal["scale", "auto"] | Positive = "scale"
    epsilon: NonNegative = 0.1
    largest_rows: Count = 20_000


class NaiveBayesOptions(Section):
    """scikit-learn's GaussianNB."""

    var_smoothing: Annotated[Positive, Range(1e-10, 1e-1, log=True)] = 1e-9


class RandomForestOptions(Section):
    """scikit-learn's random forest; `max_depth` 0 means no limit."""

    n_estimators: Count = 300
    max_depth: Annotated[Depth, Range(3, 30)] = 0
    min_samples_leaf: Annotated[Count, Range(1, 50, log=True)] = 3
    max_features: Annotated[Literal["sqrt", "log2"] | OpenShare, Choice(("sqrt", "log2", 0.3, 0.6))] = "sqrt"


class ExtraTreesOptions(Section):
    """scikit-learn's extremely randomised trees; `max_depth` 0 means no limit."""

    n_estimators: Count = 300
    max_depth: Annotated[Depth, Range(3, 30)] = 0
    min_samples_leaf: Annotated[Count, Range(1, 50, log=True)] = 3
    max_features: Annotated[Literal["sqrt", "log2"] | OpenShare, Choice(("sqrt", "log2", 0.3, 0.6))] = "sqrt"


class HistGradientBoostingOptions(Section):
    """scikit-learn's histogram gradient boosting."""

    learning_rate: Annotated[Positive, Range(0.01, 0.3, log=True)] = 0.1
    max_iter: Count = 100
    max_leaf_nodes: Annotated[Leaves, Range(7, 63, log=True)] = 31
    min_samples_leaf: Annotated[Count, Range(5, 100, log=True)] = 20
    l2_regularization: Annotated[NonNegative, Range(1e-3, 10.0, log=True)] = 0.0


class LightGBMOptions(Section):
    """LightGBM's gradient boosted trees; `max_bin` and `min_data_in_bin` say how finely values are told apart."""

    n_estimators: Count = 600
    learning_rate: Annotated[Positive, Range(0.01, 0.3, log=True)] = 0.05
    num_leaves: Annotated[Leaves, Range(7, 127, log=True)] = 31
    min_child_samples: Annotated[Count, Range(5, 200, log=True)] = 20
    subsample: Annotated[Rate, Range(0.5, 1.0)] = 1.0
    colsample_bytree: Annotated[Rate, Range(0.3, 1.0)] = 0.8
    reg_lambda: Annotated[NonNegative, Range(1e-3, 100.0, log=True)] = 1.0
    max_bin: Bins = 255
    min_data_in_bin: Count = 3
    path_smooth: NonNegative = 0.0


class XGBoostOptions(Section):
    """XGBoost's gradient boosted trees.

    `max_leaves` 0: trees grow level by level down to `max_depth`; else leaf by leaf up to so many, at any depth.
    """

    n_estimators: Count = 600
    learning_rate: Annotated[Positive, Range(0.01, 0.3, log=True)] = 0.05
    max_depth: Annotated[Count, Range(3, 10)] = 6
    max_leaves: Depth = 0
    min_child_weight: Annotated[NonNegative, Range(0.1, 50.0, log=True)] = 1.0
    subsample: Annotated[Rate, Range(0.5, 1.0)] = 1.0
    colsample_bytree: Annotated[Rate, Range(0.3, 1.0)] = 0.8
    reg_lambda: Annotated[NonNegative, Range(1e-3, 100.0, log=True)] = 1.0
    max_bin: Bins = 256


class ExplainableBoostingOptions(Section):
    """interpret's explainable boosting machine: a sum of curves and of surfaces over pairs."""

    interactions: Annotated[int, Field(ge=0), Range(0, 20)] = 10
    learning_rate: Annotated[Positive, Range(0.005, 0.1, log=True)] = 0.015
    max_bins: Annotated[int, Field(ge=3, le=32_767)] = 256
    max_leaves: Annotated[Leaves, Range(2, 4)] = 3
    max_rounds: Count = 5000
    outer_bags: Count = 4
    min_samples_leaf: Annotated[Count, Range(2, 50, log=True)] = 4


class MLPOptions(Section):
    """scikit-learn's multi-layer perceptron with Adam."""

    hidden_units: Annotated[Count, Range(8, 128, log=True)] = 32
    hidden_layers: Annotated[int, Field(ge=1, le=4), Range(1, 3)] = 1
    alpha: Annotated[NonNegative, Range(1e-6, 1e-1, log=True)] = 1e-4
    learning_rate: Annotated[Positive, Range(1e-4, 1e-2, log=True)] = 1e-3
    batch_size: Count = 200
    epochs: Count = 60


MEMBER_OPTIONS: Mapping[str, type[Section]] = MappingProxyType(
    {
        "logistic_regression": LogisticRegressionOptions,
        "linear_regression": LinearRegressionOptions,
        "linear_svm": LinearSVMOptions,
        "svm": SVMOptions,
        "naive_bayes": NaiveBayesOptions,
        "random_forest": RandomForestOptions,
        "extra_trees": ExtraTreesOptions,
        "hist_gradient_boosting": HistGradientBoostingOptions,
        "lightgbm": LightGBMOptions,
        "xgboost": XGBoostOptions,
        "explainable_boosting": ExplainableBoostingOptions,
        "mlp": MLPOptions,
    }
)
"""Estimators that can be members of an ensemble, which ensembles cannot, and their options."""


class Member(Section):
    """One member of an ensemble: an estimator, its weight, and those of its options that differ from the defaults.

    `seed` is added to the seed of the training, so that members of one kind can differ.
    """

    estimator: str
    weight: Positive = 1.0
    options: dict[str, Any] = {}
    seed: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    @property
    def chosen(self) -> Section:
        """The options of the estimator, defaults included."""
        return MEMBER_OPTIONS[self.estimator].model_validate(self.options)

    @model_validator(mode="after")
    def _options_are_those_of_the_estimator(self) -> "Member":
        if self.estimator not in MEMBER_OPTIONS:
            hint = nearest_name(self.estimator, list(MEMBER_OPTIONS))
            raise ValueError(f"an estimator that is no ensemble, and found '{self.estimator}'{hint}")
        try:
            self.chosen  # noqa: B018 (checks itself)
        except ValidationError as error:
            found = "; ".join(describe_validation_errors(error, MEMBER_OPTIONS[self.estimator]))
            raise ValueError(f"options of {self.estimator}, and found {found}") from None
        return self


class VotingOptions(Section):
    """Weighted mean of the members' scores, over probabilities or over log-odds (numeric labels: over values)."""

    members: Annotated[tuple[Member, ...], Field(min_length=2)] = (
        Member(estimator="logistic_regression"),
        Member(estimator="lightgbm"),
    )
    mean_of: Literal["probabilities", "log_odds"] = "log_odds"


class StackingOptions(Section):
    """A penalised linear model over the members' cross-fitted scores (log-odds; for numeric labels the values)."""

    members: Annotated[tuple[Member, ...], Field(min_length=2)] = (
        Member(estimator="logistic_regression"),
        Member(estimator="lightgbm"),
    )
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    C: Annotated[Positive, Range(1e-3, 1e2, log=True)] = 1.0


class Estimators(Section):
    """Options of every estimator in the catalogue; only the chosen one is read."""

    logistic_regression: LogisticRegressionOptions = LogisticRegressionOptions()
    linear_regression: LinearRegressionOptions = LinearRegressionOptions()
    linear_svm: LinearSVMOptions = LinearSVMOptions()
    svm: SVMOptions = SVMOptions()
    naive_bayes: NaiveBayesOptions = NaiveBayesOptions()
    random_forest: RandomForestOptions = RandomForestOptions()
    extra_trees: ExtraTreesOptions = ExtraTreesOptions()
    hist_gradient_boosting: HistGradientBoostingOptions = HistGradientBoostingOptions()
    lightgbm: LightGBMOptions = LightGBMOptions()
    xgboost: XGBoostOptions = XGBoostOptions()
    explainable_boosting: ExplainableBoostingOptions = ExplainableBoostingOptions()
    mlp: MLPOptions = MLPOptions()
    voting: VotingOptions = VotingOptions()
    stacking: StackingOptions = StackingOptions()


EstimatorName = Literal[
    "logistic_regression",
    "linear_regression",
    "linear_svm",
    "svm",
    "naive_bayes",
    "random_forest",
    "extra_trees",
    "hist_gradient_boosting",
    "lightgbm",
    "xgboost",
    "explainable_boosting",
    "mlp",
    "voting",
    "stacking",
]
