"""The section `model_tuning`: how better options are searched."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from apps.ml.parameters.values import Count, Section, Seed


class Validation(Section):
    """On which rows a trial is measured; test rows are never among them.

    `as_split`: the way in which the data set was divided (`random` and `given` → stratified, `group` → grouped, `time`
    → by time). `holdout`: the validation rows, once. All others divide training and validation rows together into
    `folds`. `column`: the column by which `grouped` keeps rows together; empty: the split's own.
    """

    method: Literal["as_split", "holdout", "stratified", "grouped", "time"] = "as_split"
    folds: Annotated[int, Field(ge=2, le=20)] = 3
    column: str = ""


class Resource(Section):
    """What early stopping of trials saves: rounds, epochs or rows, as the estimator grows.

    `minimum` and `maximum` are in units of the resource; 0: a 27th of the maximum, and all there is. A trial is
    compared after minimum × reduction_factor ** k units.
    """

    minimum: Annotated[int, Field(ge=0)] = 0
    maximum: Annotated[int, Field(ge=0)] = 0
    reduction_factor: Annotated[int, Field(ge=2, le=10)] = 3


class Unfairness(Section):
    """A second thing to make small: a difference between the groups of an attribute. `metric` empty: none."""

    metric: Literal[
        "",
        "demographic_parity_difference",
        "equalized_odds_difference",
        "equal_opportunity_difference",
        "largest_group_loss",
    ] = ""
    attribute: str = ""


class Pick(Section):
    """The rule that picks from the front of trials that no other beats in both ways.

    `least_loss`: the smallest loss whose unfairness is at most `unfairness_at_most`. `knee`: the trial farthest from
    the line between the ends of the front.
    """

    rule: Literal["least_loss", "knee"] = "least_loss"
    unfairness_at_most: Annotated[float, Field(ge=0.0)] = 1.0


class ModelTuning(Section):
    """How better options are searched.

    `estimators` empty: the one that `model_training` names. `trials` and `seconds` are budgets of the whole study, 0
    seconds: no limit. `search`: estimator → option → `[low, high]`, `{low, high, log}` or `{values: […]}`, in place of
    the declared space; `null` leaves the option as it is.
    """

    estimators: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    sampler: Literal["tpe", "random", "grid", "nsga2"] = "tpe"
    pruner: Literal["hyperband", "successive_halving", "none"] = "hyperband"
    trials: Count = 40
    seconds: Annotated[int, Field(ge=0)] = 0
    seed: Seed = 20260104
    metric: str = "log_loss"
    validation: Validation = Validation()
    resource: Resource = Resource()
    unfairness: Unfairness = Unfairness()
    pick: Pick = Pick()
    search: dict[str, dict[str, Any]] = {}
