"""The section `model_evaluation`: how the test rows are measured."""

from typing import Annotated, Literal

from pydantic import Field

from apps.ml.parameters.values import Count, OpenShare, Section, Seed


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
