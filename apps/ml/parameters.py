"""The typed, frozen view of params.yaml: unknown keys and impossible values are errors, never defaults.

Sections are named as the stages. Each error names the key's full path, what was expected and, for an unknown
key, the nearest valid name.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from apps.ml.artifact_paths import PARAMETERS_FILE
from apps.ml.errors import ParameterError
from apps.ml.validation_errors import describe_validation_errors

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
OpenShare = Annotated[float, Field(gt=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Count = Annotated[int, Field(ge=1)]
Scaling = Literal["standard", "robust", "minmax", "none"]
NumericImputation = Literal["median", "mean", "most_frequent", "constant"]
Encoding = Literal["one_hot", "ordinal", "target"]


class Section(BaseModel):
    """A part of params.yaml: frozen, no key beyond the declared ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataProcessing(Section):
    """Which rows, and how they are divided."""

    dataset: Name
    split: Name = "default"
    seed: Seed


class NumericFeatures(Section):
    """Defaults for numeric columns."""

    imputation: NumericImputation = "median"
    fill_value: float = 0.0
    missing_indicator: bool = True
    scaling: Scaling = "standard"
    bins: Annotated[int, Field(ge=0, le=256)] = 0


class CategoricalFeatures(Section):
    """Defaults for categorical columns."""

    imputation: Literal["category", "most_frequent"] = "category"
    encoding: Encoding = "one_hot"
    rare_below: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.01


class BooleanFeatures(Section):
    """Defaults for boolean columns."""

    imputation: Literal["most_frequent", "constant"] = "most_frequent"
    fill_value: float = 0.0


class ColumnOverride(Section):
    """What one column does differently from the defaults of its type; unset fields keep the default."""

    drop: bool = False
    imputation: Literal["median", "mean", "most_frequent", "constant", "category"] | None = None
    fill_value: float | None = None
    missing_indicator: bool | None = None
    scaling: Scaling | None = None
    bins: Annotated[int, Field(ge=0, le=256)] | None = None
    encoding: Encoding | None = None
    rare_below: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None


class FeatureSelection(Section):
    """Which encoded features are kept."""

    method: Literal["none", "variance", "mutual_information"] = "none"
    keep: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _keep_belongs_to_ranking(self) -> "FeatureSelection":
        if self.method == "mutual_information" and self.keep < 1:
            raise ValueError("mutual_information needs keep >= 1")
        return self


class FeatureEngineering(Section):
    """One specification that becomes one transformer."""

    use_sensitive: bool = False
    numeric: NumericFeatures = NumericFeatures()
    categorical: CategoricalFeatures = CategoricalFeatures()
    boolean: BooleanFeatures = BooleanFeatures()
    columns: dict[str, ColumnOverride] = {}
    interactions: tuple[tuple[str, str], ...] = ()
    selection: FeatureSelection = FeatureSelection()


class EarlyStopping(Section):
    """Stop growing when the validation loss has not improved for `rounds` rounds."""

    enabled: bool = True
    rounds: Count = 50


class Threshold(Section):
    """The named rule that turns scores into decisions, applied to validation rows."""

    rule: Literal["fixed", "best_balanced_accuracy", "selection_rate", "cost_matrix"] = "fixed"
    value: OpenShare = 0.5
    rate: OpenShare = 0.5
    cost_false_positive: Positive = 1.0
    cost_false_negative: Positive = 1.0


class LogisticRegressionOptions(Section):
    """scikit-learn's LogisticRegression (L2)."""

    C: Positive = 1.0
    max_iter: Count = 2000


class RandomForestOptions(Section):
    """scikit-learn's RandomForestClassifier; `max_depth` 0 means no limit."""

    n_estimators: Count = 300
    max_depth: Annotated[int, Field(ge=0)] = 0
    min_samples_leaf: Count = 3
    max_features: Literal["sqrt", "log2"] | OpenShare = "sqrt"


class HistGradientBoostingOptions(Section):
    """scikit-learn's HistGradientBoostingClassifier."""

    learning_rate: Positive = 0.1
    max_iter: Count = 100
    max_leaf_nodes: Annotated[int, Field(ge=2)] = 31
    min_samples_leaf: Count = 20
    l2_regularization: Annotated[float, Field(ge=0.0)] = 0.0


class LightGBMOptions(Section):
    """LightGBM's gradient boosted trees."""

    n_estimators: Count = 600
    learning_rate: Positive = 0.05
    num_leaves: Annotated[int, Field(ge=2)] = 31
    min_child_samples: Count = 20
    subsample: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    colsample_bytree: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8
    reg_lambda: Annotated[float, Field(ge=0.0)] = 1.0


class Estimators(Section):
    """Options of every estimator in the catalogue; only the chosen one is read."""

    logistic_regression: LogisticRegressionOptions = LogisticRegressionOptions()
    random_forest: RandomForestOptions = RandomForestOptions()
    hist_gradient_boosting: HistGradientBoostingOptions = HistGradientBoostingOptions()
    lightgbm: LightGBMOptions = LightGBMOptions()


EstimatorName = Literal["logistic_regression", "random_forest", "hist_gradient_boosting", "lightgbm"]


class ModelTraining(Section):
    """The estimator, how it is fitted, and how its scores become decisions."""

    estimator: EstimatorName
    seed: Seed
    class_weight: Literal["none", "balanced"] = "none"
    early_stopping: EarlyStopping = EarlyStopping()
    threshold: Threshold = Threshold()
    estimators: Estimators = Estimators()


class Explanations(Section):
    """How many rows the explanations look at."""

    background_rows: Count = 200
    global_rows: Count = 1000
    local_rows: Count = 5
    lime_samples: Annotated[int, Field(ge=100)] = 5000
    lime_repeats: Annotated[int, Field(ge=2)] = 3
    top_features: Count = 12
    permutation_repeats: Annotated[int, Field(ge=2)] = 5
    effect_columns: Annotated[int, Field(ge=0)] = 6
    effect_points: Annotated[int, Field(ge=2)] = 20
    ice_rows: Annotated[int, Field(ge=0)] = 20
    surrogate_depth: Annotated[int, Field(ge=1, le=8)] = 3
    reasons: Annotated[int, Field(ge=1, le=4)] = 4
    reason_rows: Count = 300
    reason_method: Literal["below_average_at_cutoff", "below_average_of_applicants"] = "below_average_at_cutoff"
    counterfactual_rows: Annotated[int, Field(ge=0)] = 20
    counterfactual_changes: Annotated[int, Field(ge=1)] = 3


class ModelEvaluation(Section):
    """How the test rows are measured."""

    confidence: OpenShare = 0.95
    bootstrap_replicates: Annotated[int, Field(ge=100)] = 1000
    calibration_bins: Annotated[int, Field(ge=2)] = 10
    minimum_group_size: Count = 30
    score_bins: Annotated[int, Field(ge=2, le=10_000)] = 1000
    reference_groups: dict[str, str] = {}
    conditional_on: tuple[str, ...] = ()
    entropy_alpha: float = 2.0
    consistency_neighbours: Count = 5
    consistency_rows: Annotated[int, Field(ge=0)] = 2000
    seed: Seed
    explanations: Explanations = Explanations()


MetricPath = Annotated[
    str, StringConstraints(pattern=r"^(data_quality|performance|fairness|explainability)(\.[^.]+)+$")
]
PAIRED_METRICS = ("roc_auc", "accuracy", "balanced_accuracy", "recall")
"""Of `performance`: what is compared with the champion, on the same rows."""

PAIRED_GAPS = (
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "predictive_equality_difference",
    "predictive_parity_difference",
    "accuracy_difference",
)
"""Of an attribute: what is compared with the champion, gaps in one rate each."""

PAIRED_RATES = (
    "selection_rate",
    "favourable_rate",
    "true_positive_rate",
    "false_negative_rate",
    "false_positive_rate",
    "true_negative_rate",
    "accuracy",
)
"""Of a group: what is compared with the champion; shares of the same rows whatever is decided."""


class Gate(Section):
    """A limit on measurements: `metric` is a path into the metric files, `*` stands for every attribute or group.

    `scope` lists the attributes that the first `*` is limited to. `confidence` is the measurement's own by default.
    With fewer than `minimum_rows` the verdict is INCONCLUSIVE. `reference: champion` sets the limit on the change from
    the champion to the candidate, on the same rows.
    """

    name: Annotated[str, StringConstraints(min_length=1)]
    metric: MetricPath
    scope: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    confidence: OpenShare | None = None
    minimum_rows: Annotated[int, Field(ge=0)] = 0
    reference: Literal["fixed", "champion"] = "fixed"

    @model_validator(mode="after")
    def _one_limit(self) -> "Gate":
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a gate needs exactly one of at_least and at_most")
        return self

    @model_validator(mode="after")
    def _scope_limits_a_star(self) -> "Gate":
        if self.scope and not self.metric.startswith("fairness.*."):
            raise ValueError("scope limits the * of fairness.*.…, and this metric has none; leave scope out")
        return self

    @model_validator(mode="after")
    def _champion_has_it(self) -> "Gate":
        if self.reference == "champion" and not _is_compared_with_the_champion(self.metric.split(".")):
            raise ValueError(
                f"{self.metric} is not compared with the champion; compared are performance.({'|'.join(PAIRED_METRICS)}"
                f"), fairness.<attribute>.({'|'.join(PAIRED_GAPS)}) and "
                f"fairness.<attribute>.groups.<group>.({'|'.join(PAIRED_RATES)})"
            )
        return self


def _is_compared_with_the_champion(keys: list[str]) -> bool:
    match keys:
        case ["performance", metric]:
            return metric in PAIRED_METRICS
        case ["fairness", _, gap]:
            return gap in PAIRED_GAPS
        case ["fairness", _, "groups", _, rate]:
            return rate in PAIRED_RATES
    return False


class GroupPerformance(Section):
    """The least balanced accuracy of each judged group; .5 is what decisions that ignore the person reach."""

    enabled: bool = True
    balanced_accuracy: Share = 0.5


class LevellingDown(Section):
    """By how much a group may become worse than under the champion while a gap shrinks."""

    enabled: bool = True
    tolerance: Share = 0.01


class Guards(Section):
    """What every model is held against, whether or not a gate asks for it."""

    constant_predictor: bool = True
    group_performance: GroupPerformance = GroupPerformance()
    levelling_down: LevellingDown = LevellingDown()


class Policy(Section):
    """What decisions must not depend on."""

    forbid_sensitive_at_prediction: bool = True
    forbid_sensitive_inputs: bool = True
    forbid_chance: bool = True


class Champion(Section):
    """What becomes of the champion when the comparison with it decides nothing."""

    inconclusive: Literal["keep", "promote"] = "keep"


class ModelRegistration(Section):
    """Which evidence lets a version become champion."""

    promote_passing: bool = True
    gates: tuple[Gate, ...] = ()
    guards: Guards = Guards()
    policy: Policy = Policy()
    champion: Champion = Champion()

    @property
    def champion_gates(self) -> tuple[Gate, ...]:
        """The gates that are judged when a version is about to become champion."""
        return tuple(gate for gate in self.gates if gate.reference == "champion")

    @model_validator(mode="after")
    def _distinct_names(self) -> "ModelRegistration":
        names = [gate.name for gate in self.gates]
        if len(set(names)) != len(names):
            raise ValueError("two gates share a name; give each its own")
        return self


class Parameters(Section):
    """The whole of params.yaml."""

    data_processing: DataProcessing
    feature_engineering: FeatureEngineering
    model_training: ModelTraining
    model_evaluation: ModelEvaluation
    model_registration: ModelRegistration


def read_parameters(path: Path = PARAMETERS_FILE) -> Parameters:
    """Read and check params.yaml.

    Raises
    ------
    ParameterError
        The file is missing, is not YAML, or holds an unknown key or an impossible value.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(f"{path} does not exist. Run the command in the root of the repository.") from None
    except yaml.YAMLError as error:
        raise ParameterError(f"{path} is not valid YAML: {_first_line(error)}. Mend that line.") from error
    return check_parameters(content, str(path))


def check_parameters(content: Any, origin: str = str(PARAMETERS_FILE)) -> Parameters:
    """Turn parsed YAML into :class:`Parameters`; `origin` is named in errors."""
    if not isinstance(content, dict):
        raise ParameterError(f"{origin} holds no sections. Restore it from version control.")
    try:
        return Parameters.model_validate(content)
    except ValidationError as error:
        lines = describe_validation_errors(error, Parameters)
        raise ParameterError(f"{origin}: " + "; ".join(lines) + ". Mend the named keys and run again.") from None


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
