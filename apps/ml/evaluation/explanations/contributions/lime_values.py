"""Local linear surrogates (LIME), never without their fit and their stability."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.scores.losses import mean_loss

TOP = 5
"""Stability compares this many leading columns between repeats."""

Score = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Surrogate:
    """The local linear model around one row.

    `effects`: source column → what the surrogate adds to the probability of the positive event at this row, mean over
    the repeats: slope times distance from the training mean; for features of 0 and 1, the weight of having the row's
    value. `r2`: mean fit of the linear models to the score near the row. `stability`: mean Jaccard overlap of the
    :data:`TOP` leading columns over all pairs of repeats, 1 = always the same. Both None where the score is constant
    around the row. `deviations`: standard deviation of each column's effect between single repeats; the mean over r
    repeats is surer by √r. `always_leading`: the columns that are among the :data:`TOP` in every repeat.
    `sign_agreement`: share of the :data:`TOP` leading columns whose effect has the same sign in every repeat, None
    where none leads.
    """

    effects: dict[str, float]
    r2: float | None
    stability: float | None
    deviations: dict[str, float] = field(default_factory=dict)
    always_leading: tuple[str, ...] = ()
    sign_agreement: float | None = None


@dataclass(frozen=True)
class LimeSettings:
    """How surrogates are fitted: `samples` around each row, `repeats` with seeds `seed`, `seed` + 1, …"""

    samples: int
    repeats: int
    seed: int


def surrogates_of(
    score: Score,
    X: FloatArray,
    background: FloatArray,
    feature_names: Sequence[str],
    sources: Sequence[str],
    settings: LimeSettings,
) -> list[Surrogate]:
    """Fit local surrogates around each row; the same rows, model and settings give the same numbers in any order.

    Numeric features are drawn from normal distributions with the background's mean and deviation, features of 0 and 1
    with their frequencies. Features are drawn independently of each other, also those of one source column, which is a
    known limit of the method.

    Parameters
    ----------
    score : function from float64 [m, k] to float64 [m]
        The model's probability of the positive event.
    X : float64 [n, k]
        Rows to explain.
    background : float64 [m, k]
        Training rows; their marginal distributions are sampled.
    feature_names, sources : k names
        Encoded features and the source column of each.

    References
    ----------
    Ribeiro, Singh, Guestrin, "Why Should I Trust You?", KDD 2016, algorithm 1.
    """
    explainer = _explainer(np.asarray(background, dtype=np.float64), feature_names)
    return [_surrogate(explainer, score, row, sources, settings) for row in np.asarray(X, dtype=np.float64)]


def stability_of(repeats: Sequence[dict[str, float]], top: int = TOP) -> float:
    """Return the mean Jaccard overlap of the `top` columns with the largest absolute effect, over pairs of repeats.

    Columns with effect 0 never lead. Two repeats in which no column leads agree.
    """
    leaders = [_leading(weights, top) for weights in repeats]
    overlaps = [_jaccard(one, other) for one, other in combinations(leaders, 2)]
    return float(np.mean(overlaps)) if overlaps else 1.0


def lime_summary(surrogates: Sequence[Surrogate], confidence: float) -> dict[str, Measurement]:
    """Return `mean_r2`, `stability` and `sign_agreement` over the explained rows, with intervals over these rows."""
    return {
        "mean_r2": mean_measurement([one.r2 for one in surrogates], "fit", confidence),
        "stability": mean_measurement([one.stability for one in surrogates], "stability", confidence),
        "sign_agreement": mean_measurement([one.sign_agreement for one in surrogates], "sign agreement", confidence),
    }


def mean_measurement(values: Sequence[float | None], what: str, confidence: float) -> Measurement:
    """Return the mean of the defined values between 0 and 1, with Student's t interval over them.

    Undefined, with the reason, if there are none; without bounds if they do not differ.
    """
    defined = [value for value in values if value is not None]
    if not defined:
        return undefined(f"{what}: no explained row has a surrogate", n=0)
    if len(set(defined)) == 1:
        return Measurement(float(defined[0]), len(defined))
    return mean_loss(np.asarray(defined, dtype=np.float64), confidence, highest=1.0)


def _leading(effects: dict[str, float], top: int) -> frozenset[str]:
    ranked = sorted(effects, key=lambda column: (-abs(effects[column]), column))
    return frozenset(column for column in ranked[:top] if effects[column] != 0)


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    union = one | other
    return len(one & other) / len(union) if union else 1.0


def _explainer(background: FloatArray, feature_names: Sequence[str]) -> Any:
    from lime.lime_tabular import LimeTabularExplainer

    binary = [column for column in range(background.shape[1]) if np.isin(background[:, column], (0.0, 1.0)).all()]
    return LimeTabularExplainer(
        background,
        feature_names=list(feature_names),
        categorical_features=binary,
        discretize_continuous=False,
        feature_selection="none",
        random_state=0,
    )


def _surrogate(
    explainer: Any, score: Score, row: FloatArray, sources: Sequence[str], settings: LimeSettings
) -> Surrogate:
    fits = [_fit(explainer, score, row, sources, settings.samples, settings.seed + i) for i in range(settings.repeats)]
    fitted = [r2 for _, r2 in fits if r2 is not None]
    if len(fitted) < len(fits):
        return Surrogate({}, None, None)
    effects = [found for found, _ in fits]
    mean = {column: float(np.mean([one[column] for one in effects])) for column in effects[0]}
    ranked = dict(sorted(mean.items(), key=lambda item: -abs(item[1])))
    return Surrogate(
        ranked,
        float(np.mean(fitted)),
        stability_of(effects),
        deviations={column: float(np.std([one[column] for one in effects], ddof=1)) for column in ranked},
        always_leading=_always_leading(effects, ranked),
        sign_agreement=_sign_agreement(effects, ranked),
    )


def _always_leading(effects: Sequence[dict[str, float]], ranked: dict[str, float]) -> tuple[str, ...]:
    common = frozenset.intersection(*(_leading(one, TOP) for one in effects))
    return tuple(column for column in ranked if column in common)


def _sign_agreement(effects: Sequence[dict[str, float]], ranked: dict[str, float]) -> float | None:
    leading = _leading(ranked, TOP)
    if not leading:
        return None
    return float(np.mean([len({np.sign(one[column]) for one in effects}) == 1 for column in sorted(leading)]))


def _fit(
    explainer: Any, score: Score, row: FloatArray, sources: Sequence[str], samples: int, seed: int
) -> tuple[dict[str, float], float | None]:
    """Fit one surrogate with its own seed; its R² is None where the score does not vary."""
    _seed_again(explainer, seed)
    varies = False

    def probabilities(X: FloatArray) -> FloatArray:
        nonlocal varies
        scores = score(np.ascontiguousarray(X, dtype=np.float64))
        varies = bool(np.ptp(scores) > 0)
        return np.column_stack([1.0 - scores, scores])

    found = explainer.explain_instance(row, probabilities, labels=(1,), num_features=len(row), num_samples=samples)
    if not varies:
        return dict.fromkeys(sources, 0.0), None
    return _effects(found.local_exp[1], _scaled(explainer, row), sources), float(found.score)


def _seed_again(explainer: Any, seed: int) -> None:
    """Give every part of the explainer that draws numbers a fresh generator: explanations do not depend on order."""
    generator = np.random.RandomState(seed)
    for part in (explainer, explainer.base):
        part.random_state = generator


def _scaled(explainer: Any, row: FloatArray) -> FloatArray:
    """Return the row as the surrogate sees it: standardised, and 1 for features of 0 and 1 (they equal themselves)."""
    scaled = (row - explainer.scaler.mean_) / explainer.scaler.scale_
    scaled[explainer.categorical_features] = 1.0
    return np.asarray(scaled, dtype=np.float64)


def _effects(weights: Sequence[tuple[int, float]], row: FloatArray, sources: Sequence[str]) -> dict[str, float]:
    summed = dict.fromkeys(sources, 0.0)
    for position, weight in sorted(weights):
        summed[sources[position]] += float(weight * row[position])
    return summed
