"""The explanation of one model: which columns matter overall, and why sampled rows got their scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.evaluation.explanations.contributions.beeswarm import Beeswarm, beeswarm_of
from apps.ml.evaluation.explanations.contributions.importance import importance_by_column
from apps.ml.evaluation.explanations.contributions.lime_values import (
    LimeSettings,
    Surrogate,
    lime_summary,
    surrogates_of,
)
from apps.ml.evaluation.explanations.contributions.shap_values import (
    Contributions,
    affordable_rows,
    contributions_of,
)
from apps.ml.evaluation.explanations.scored_model import (
    BACKGROUND_ROWS,
    GLOBAL_ROWS,
    LOCAL_ROWS,
    FloatArray,
    IntArray,
    ScoredModel,
    sample_rows,
)
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.parameters import ModelEvaluation


@dataclass(frozen=True)
class ExplainedRows:
    """What is explained: encoded test rows and training rows, and how encoded features came about.

    `X`: float64 [n, k]; `rows`: int64 [n], number in the source; `training`: float64 [m, k]; `feature_names` and
    `feature_sources`: k names. `frame`: typed data frame [n, input columns] of the test rows, for the ranks of their
    values; None leaves the ranks out.
    """

    X: FloatArray
    rows: IntArray
    training: FloatArray
    feature_names: tuple[str, ...]
    feature_sources: tuple[str, ...]
    frame: pd.DataFrame | None = None


@dataclass(frozen=True)
class LocalExplanation:
    """Why one row got its score: contributions and surrogate effects by source column, largest first."""

    row: int
    score: float
    base: float | None
    contributions: dict[str, float]
    surrogate: Surrogate


@dataclass(frozen=True)
class Explanation:
    """The explanation of one model.

    `contributions` are those of the sampled rows by source column; `positions` says where these rows lie in the test
    rows; `importance` is ordered, most important first.
    """

    contributions: Contributions
    positions: IntArray
    importance: dict[str, Measurement]
    lime: dict[str, Measurement]
    local: tuple[LocalExplanation, ...]
    beeswarm: Beeswarm

    def to_dict(self) -> dict[str, Any]:
        """Content of reports/metrics/explainability.json."""
        found = self.contributions
        content: dict[str, Any] = {"method": found.method, "output": found.output}
        if found.additivity_error is not None and np.isfinite(found.additivity_error):
            content["additivity_error"] = found.additivity_error
        if found.sampling_error is not None:
            content["sampling_error"] = found.sampling_error
        if found.undefined is not None:
            content["undefined"] = found.undefined
        content["rows"] = len(self.positions) if found.is_defined else 0
        content["lime"] = {name: measured.to_dict() for name, measured in self.lime.items()}
        content["importance"] = {column: measured.to_dict() for column, measured in self.importance.items()}
        content["beeswarm"] = self.beeswarm.to_dict()
        return content

    def local_to_list(self, top: int) -> list[dict[str, Any]]:
        """Local explanations as JSON: row number, score, the `top` columns and what the remaining ones add."""
        return [_local_to_dict(one, self.contributions.output, top) for one in self.local]


def explain(model: ScoredModel, explained: ExplainedRows, parameters: ModelEvaluation) -> Explanation:
    """Explain a model on sampled test rows, deterministically by the seed of `parameters`.

    Parameters
    ----------
    model : ScoredModel
    explained : ExplainedRows
        All test rows and all training rows, encoded; how many are looked at is said by `parameters.explanations`.
    """
    settings, seed = parameters.explanations, parameters.seed
    n = len(explained.X)
    background = explained.training[
        sample_rows(len(explained.training), settings.background_rows, seed, BACKGROUND_ROWS)
    ]
    wanted = affordable_rows(model.estimator, settings.global_rows, len(set(explained.feature_sources)))
    positions = sample_rows(n, wanted, seed, GLOBAL_ROWS)
    chosen = sample_rows(n, settings.local_rows, seed, LOCAL_ROWS)
    both = np.concatenate([positions, chosen])
    found = contributions_of(model, explained.X[both], background, explained.feature_sources, seed)
    lime = LimeSettings(settings.lime_samples, settings.lime_repeats, seed)
    surrogates = surrogates_of(
        model.score_encoded, explained.X[chosen], background, explained.feature_names, explained.feature_sources, lime
    )
    overall = found.first(len(positions))
    importance = importance_by_column(overall, parameters.confidence)
    return Explanation(
        contributions=overall,
        positions=positions,
        importance=importance,
        lime=lime_summary(surrogates, parameters.confidence),
        local=_local(
            found.last(len(chosen)), model.score_encoded(explained.X[chosen]), explained.rows[chosen], surrogates
        ),
        beeswarm=beeswarm_of(overall, positions, explained.frame, tuple(importance)[: settings.top_features], seed),
    )


def _local(
    found: Contributions, scores: FloatArray, rows: IntArray, surrogates: Sequence[Surrogate]
) -> tuple[LocalExplanation, ...]:
    return tuple(
        LocalExplanation(
            row=int(rows[i]),
            score=float(scores[i]),
            base=float(found.base[i]) if found.is_defined else None,
            contributions=_largest_first(found, i) if found.is_defined else {},
            surrogate=surrogate,
        )
        for i, surrogate in enumerate(surrogates)
    )


def _largest_first(found: Contributions, row: int) -> dict[str, float]:
    values = dict(zip(found.columns, (float(value) for value in found.values[row]), strict=True))
    return dict(sorted(values.items(), key=lambda item: -abs(item[1])))


def _local_to_dict(one: LocalExplanation, output: str, top: int) -> dict[str, Any]:
    leading = dict(list(one.contributions.items())[:top])
    content: dict[str, Any] = {"row": one.row, "score": one.score, "output": output}
    if one.base is not None:
        rest = sum(one.contributions.values()) - sum(leading.values())
        content |= {"base": one.base, "contributions": leading, "other_columns": rest}
    lime = one.surrogate
    if lime.r2 is not None and lime.stability is not None:
        shown = list(lime.effects)[:top]
        content["lime"] = {
            "r2": lime.r2,
            "stability": lime.stability,
            "effects": {column: lime.effects[column] for column in shown},
            "deviations": {column: lime.deviations[column] for column in shown},
            "always_leading": list(lime.always_leading),
        }
    return content
