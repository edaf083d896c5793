"""Contributions of encoded features to scores, checked row by row against the score itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from apps.ml.evaluation.explanations.scored_model import FloatArray, ScoredModel

Output = Literal["log-odds", "probability"]

TOLERANCE = 1e-6
"""Largest error of additivity, relative to the output (or to 1 where the output is smaller)."""

SATURATION = 1e-9
"""Scores closer than this to 0 or 1 have lost the digits of their log-odds; they are compared as probabilities."""

NOISE = 1e-12
"""Smallest error that is told apart from rounding, which differs between processors; less is recorded as this."""

FOREST_VISITS = 20_000_000_000
"""Visits of tree nodes that the explanation of a forest may cost: about 20 seconds."""

FOREST_ROWS_AT_LEAST = 50
"""Rows of a forest that are explained in any case."""


@dataclass(frozen=True)
class Contributions:
    """Contributions of the explained rows.

    `values`: [n, columns]; `base`: [n], the output before any column is looked at. `additivity_error`: largest relative
    error over the rows, None where nothing was computed. `undefined`: why the values must not be shown, or None.
    """

    method: str
    output: Output
    columns: tuple[str, ...]
    values: FloatArray
    base: FloatArray
    additivity_error: float | None = None
    undefined: str | None = None

    @property
    def is_defined(self) -> bool:
        """Whether the contributions add up to the scores."""
        return self.undefined is None

    def first(self, rows: int) -> "Contributions":
        """Keep the first `rows` rows; what is known about all rows stays."""
        return replace(self, values=self.values[:rows], base=self.base[:rows])

    def last(self, rows: int) -> "Contributions":
        """Keep the last `rows` rows; what is known about all rows stays."""
        start = max(0, len(self.values) - rows)
        return replace(self, values=self.values[start:], base=self.base[start:])


def affordable_rows(estimator: Any, wanted: int) -> int:
    """Return how many rows can be explained: all that are wanted, except for forests whose trees are too large.

    The exact method visits leaves × depth² nodes per tree and row, about 10⁹ in a second; a forest of deep trees would
    take minutes. At least :data:`FOREST_ROWS_AT_LEAST` rows are explained, at most :data:`FOREST_VISITS` visits spent.
    """
    trees = getattr(estimator, "estimators_", None)
    if trees is None:
        return wanted
    visits = sum(int(tree.get_n_leaves()) * max(1, int(tree.get_depth())) ** 2 for tree in trees)
    return min(wanted, max(FOREST_ROWS_AT_LEAST, FOREST_VISITS // max(1, visits)))


def contributions_of(
    model: ScoredModel, X: FloatArray, background: FloatArray, feature_names: Sequence[str]
) -> Contributions:
    """Compute exact contributions per encoded feature and check that they add up to each row's score.

    Parameters
    ----------
    model : ScoredModel
        Its own exact contributions are preferred; otherwise shap's exact explainer for its kind of estimator.
    X : float64 [n, k]
        Encoded rows to explain.
    background : float64 [m, k]
        Encoded training rows; only interventional methods use them, and `method` then says how many.
    feature_names : k names

    Returns
    -------
    Contributions
        With `undefined` set where no exact method is known or the sum misses a score by more than
        :data:`TOLERANCE`.

    References
    ----------
    Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", NeurIPS 2017, property 1 (local
    accuracy); Lundberg et al., "From local explanations to global understanding with explainable AI for trees",
    Nature Machine Intelligence 2, 2020.
    """
    native = model.contributions(X)
    names = tuple(feature_names)
    if native is not None:
        method = "native tree contributions, path-dependent"
        found = Contributions(method, "log-odds", names, native[:, :-1], native[:, -1])
    else:
        found = _with_shap(model.estimator, X, background, names)
    if not found.is_defined:
        return found
    return checked(found, model.score_encoded(X))


def checked(found: Contributions, scores: FloatArray) -> Contributions:
    """Return the contributions with their additivity error, undefined if it is beyond :data:`TOLERANCE`.

    Parameters
    ----------
    found : Contributions
        Values [n, k] and base [n] on the scale of `found.output`.
    scores : float64 [n]
        Probability of the positive event that the model gives for the same rows.
    """
    error = max(NOISE, additivity_error(found.values.sum(axis=1) + found.base, scores, found.output))
    if error <= TOLERANCE:
        return replace(found, additivity_error=error)
    reason = (
        f"contributions by '{found.method}' miss the model's output by up to {error:.3g} (relative), more than the "
        f"{TOLERANCE:g} allowed"
    )
    return replace(found, additivity_error=error, undefined=reason)


def additivity_error(totals: FloatArray, scores: FloatArray, output: Output) -> float:
    """Return the largest relative distance between summed contributions and scores; infinity if one is not finite.

    Parameters
    ----------
    totals : float64 [n]
        Base value plus contributions per row, on the scale `output`.
    scores : float64 [n], between 0 and 1
    output : "log-odds" or "probability"
    """
    if len(totals) == 0:
        return 0.0
    if not np.isfinite(totals).all():
        return float("inf")
    if output == "probability":
        return float(np.abs(totals - scores).max())
    from scipy.special import expit, logit

    saturated = (scores < SATURATION) | (scores > 1 - SATURATION)
    expected = logit(np.where(saturated, 0.5, scores))
    in_log_odds = np.abs(totals - expected) / np.maximum(1.0, np.abs(expected))
    in_probability = np.abs(expit(totals) - scores)
    return float(np.where(saturated, in_probability, in_log_odds).max())


def by_source_column(found: Contributions, sources: Sequence[str]) -> Contributions:
    """Sum contributions of encoded features that come from the same source column; columns keep first-seen order.

    Parameters
    ----------
    found : Contributions
        Values [n, k] per encoded feature.
    sources : k names
        The source column of each encoded feature.
    """
    columns = tuple(dict.fromkeys(sources))
    position = np.array([columns.index(source) for source in sources], dtype=np.intp)
    summed = np.zeros((found.values.shape[0], len(columns)))
    if found.values.size:
        np.add.at(summed.T, position, found.values.T)
    return replace(found, columns=columns, values=summed)


def _with_shap(estimator: Any, X: FloatArray, background: FloatArray, names: tuple[str, ...]) -> Contributions:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    if isinstance(estimator, LogisticRegression):
        return _linear(estimator, X, background, names)
    if isinstance(estimator, HistGradientBoostingClassifier):
        return _trees(estimator, X, names, "log-odds")
    if isinstance(estimator, RandomForestClassifier):
        return _trees(estimator, X, names, "probability")
    reason = f"no exact contributions are known for {type(estimator).__name__}"
    return Contributions("none", "probability", names, np.zeros((0, len(names))), np.zeros(0), undefined=reason)


def _linear(estimator: Any, X: FloatArray, background: FloatArray, names: tuple[str, ...]) -> Contributions:
    import shap

    rows = len(background)
    explainer = shap.LinearExplainer(estimator, shap.maskers.Independent(background, max_samples=rows))
    method = f"shap linear, interventional over {rows} training rows"
    base = np.full(len(X), _positive_class(np.atleast_1d(explainer.expected_value)))
    return Contributions(method, "log-odds", names, np.asarray(explainer.shap_values(X), dtype=np.float64), base)


def _trees(estimator: Any, X: FloatArray, names: tuple[str, ...], output: Output) -> Contributions:
    import shap

    explainer = shap.TreeExplainer(estimator, feature_perturbation="tree_path_dependent", model_output="raw")
    values = np.asarray(explainer.shap_values(X, check_additivity=False), dtype=np.float64)
    if values.ndim == 3:
        values = values[:, :, -1]
    base = np.full(len(X), _positive_class(np.atleast_1d(explainer.expected_value)))
    return Contributions("shap trees, path-dependent", output, names, values, base)


def _positive_class(expected: FloatArray) -> float:
    """Return the base value of the positive class, the last one where each class has its own."""
    return float(expected[-1])
