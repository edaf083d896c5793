"""The section `model_registration`: which evidence lets a version become champion."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from apps.ml.parameters.values import OpenShare, Section, Share

MetricPath = Annotated[
    str, StringConstraints(pattern=r"^(data_quality|performance|fairness|explainability)(\.[^.]+)+$")
]
PAIRED_METRICS = ("roc_auc", "accuracy", "balanced_accuracy", "recall")
"""Of `performance`: what is compared with the champion, on the same rows."""

PAIRED_ERRORS = ("mean_absolute_error", "mean_squared_error", "mean_error")
"""Of `performance` and of a group, where numbers are predicted: what is compared with the champion."""

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
                f"fairness.<attribute>.groups.<group>.({'|'.join(PAIRED_RATES)}), and of predicted numbers "
                f"performance.({'|'.join(PAIRED_ERRORS)}) and the same of a group"
            )
        return self


def _is_compared_with_the_champion(keys: list[str]) -> bool:
    match keys:
        case ["performance", metric]:
            return metric in PAIRED_METRICS or metric in PAIRED_ERRORS
        case ["fairness", _, gap]:
            return gap in PAIRED_GAPS
        case ["fairness", _, "groups", _, rate]:
            return rate in PAIRED_RATES or rate in PAIRED_ERRORS
    return False


class GroupPerformance(Section):
    """The least that each judged group must reach.

    `balanced_accuracy`: of decisions; .5 is what those that ignore the person reach. `r_squared`: of predicted numbers;
    0 is what the group's own mean reaches.
    """

    enabled: bool = True
    balanced_accuracy: Share = 0.5
    r_squared: Annotated[float, Field(le=1)] = 0.0


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
