"""Contributions of columns to scores, checked row by row against the score itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from apps.ml.evaluation.explanations.contributions.exact import (
    Explained,
    Output,
    exact_contributions,
    explains_exactly,
    training_rows,
)
from apps.ml.evaluation.explanations.contributions.sampled import sampled_contributions, states_per_row
from apps.ml.evaluation.explanations.scored_model import FloatArray, ScoredModel
from apps.ml.models.outputs import scale_of
from apps.ml.models.parts.calibrated import Calibrated

TOLERANCE = 1e-6
"""Largest error of additivity, relative to the output (or to 1 where the output is smaller)."""

SATURATION = 1e-9
"""Scores closer than this to 0 or 1 have lost the digits of their log-odds; they are compared as probabilities."""

NOISE = 1e-12
"""Smallest error that is told apart from rounding, which differs between processors; less is recorded as this."""

FOREST_VISITS = 20_000_000_000
"""Visits of tree nodes that the explanation of a forest may cost: about 20 seconds."""

SAMPLED_ROWS = 250
"""Rows that are explained at most where contributions are sampled."""

KERNEL_TERMS = 40_000_000_000
"""Products in kernels that sampled contributions may cost: about 20 seconds."""

ROWS_AT_LEAST = 50
"""Rows that are explained in any case."""


@dataclass(frozen=True)
class Contributions:
    """Contributions of the explained rows.

    `values`: [n, columns]; `base`: [n], the output before any column is looked at. `additivity_error`: largest relative
    error over the rows, None where nothing was computed. `undefined`: why the values must not be shown, or None.
    `sampling_error`: standard error of a contribution where they are estimated from random draws (root mean square over
    rows and columns, on the scale of `output`), None where they are exact.
    """

    method: str
    output: Output
    columns: tuple[str, ...]
    values: FloatArray
    base: FloatArray
    additivity_error: float | None = None
    undefined: str | None = None
    sampling_error: float | None = None

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


def affordable_rows(estimator: Any, wanted: int, columns: int = 1) -> int:
    """Return how many rows can be explained: all that are wanted, unless the method is slow for this estimator.

    The exact method for forests visits leaves × depth² nodes per tree and row, about 10⁹ in a second; a forest of deep
    trees would take minutes. Sampled contributions score :func:`states_per_row` rows for each of at most
    :data:`SAMPLED_ROWS` rows, and fewer for a machine of many support vectors. :data:`ROWS_AT_LEAST` rows are explained
    in any case.

    Parameters
    ----------
    columns : int, >= 1
        Source columns.
    """
    inner = estimator.inner if isinstance(estimator, Calibrated) else estimator
    if not explains_exactly(estimator):
        vectors = np.shape(getattr(inner, "support_vectors_", ()))
        terms = states_per_row(columns) * int(np.prod(vectors))
        return min(wanted, SAMPLED_ROWS, max(ROWS_AT_LEAST, KERNEL_TERMS // max(1, terms)))
    trees = getattr(inner, "estimators_", ())
    visits = sum(int(tree.get_n_leaves()) * max(1, int(tree.get_depth())) ** 2 for tree in trees)
    return min(wanted, max(ROWS_AT_LEAST, FOREST_VISITS // max(1, visits)))


def contributions_of(
    model: ScoredModel,
    X: FloatArray,
    background: FloatArray,
    sources: Sequence[str],
    seed: int = 0,
    background_name: str | None = None,
) -> Contributions:
    """Compute the contributions of source columns and check that they add up to each row's score.

    Parameters
    ----------
    model : ScoredModel
        Its own exact contributions are preferred, then an exact method for its kind of estimator; every other model is
        explained by sampling, which works for any.
    X : float64 [n, k]
        Encoded rows to explain; features behind those that the estimator takes, such as a group's code, add nothing.
    background : float64 [m, k]
        Encoded training rows; only interventional methods use them, and `method` then says how many.
    sources : k names
        The source column of each encoded feature.
    seed : int, >= 0
        Of the orders that are drawn where contributions are sampled.
    background_name
        What the background stands for, in words; None: as many training rows as are used.

    Returns
    -------
    Contributions
        By source column, in the order of `sources`; with `undefined` set where the sum misses a score by more than
        :data:`TOLERANCE`.

    References
    ----------
    Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", NeurIPS 2017, property 1 (local
    accuracy); Lundberg et al., "From local explanations to global understanding with explainable AI for trees",
    Nature Machine Intelligence 2, 2020.
    """
    exact = _per_feature(model, X, background, background_name)
    if exact is None:
        found = _sampled(model, X, background, sources, seed, background_name)
    else:
        output: Any = exact.output
        found = by_source_column(Contributions(exact.method, output, tuple(sources), exact.values, exact.base), sources)
    return checked(found, model.score_encoded(X))


def checked(found: Contributions, scores: FloatArray) -> Contributions:
    """Return the contributions with their additivity error, undefined if it is beyond :data:`TOLERANCE`.

    Parameters
    ----------
    found : Contributions
        Values [n, k] and base [n] on the scale of `found.output`.
    scores : float64 [n]
        What the model says of the same rows: probabilities of the positive event, or predicted values.
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
    scores : float64 [n], between 0 and 1 unless the output is a value
    output : "log-odds", "probability" or "value"
    """
    if len(totals) == 0:
        return 0.0
    if not np.isfinite(totals).all():
        return float("inf")
    if output != "log-odds":
        return float((np.abs(totals - scores) / np.maximum(1.0, np.abs(scores))).max())
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


def _sampled(
    model: ScoredModel, X: FloatArray, background: FloatArray, sources: Sequence[str], seed: int, name: str | None
) -> Contributions:
    columns = tuple(dict.fromkeys(sources))
    features = [np.flatnonzero(np.array(sources) == column) for column in columns]
    found = sampled_contributions(model.score_encoded, X, background, features, seed)
    output: Output = "value" if scale_of(model.estimator) == "value" else "probability"
    over = name or training_rows(found.pairs)
    method = f"sampled Shapley values, interventional over {over}, {2 * found.pairs} orders of columns"
    return Contributions(method, output, columns, found.values, found.base, sampling_error=found.error)


def _per_feature(model: ScoredModel, X: FloatArray, background: FloatArray, name: str | None) -> Explained | None:
    """Return exact contributions of all encoded features; those that the estimator does not look at get 0."""
    native = model.contributions(X)
    if native is not None:
        own = model.estimator
        return Explained(own.contributions_method, own.contributions_output, native[:, :-1], native[:, -1])
    width = int(model.estimator.n_features_in_)
    found = exact_contributions(model.estimator, X[:, :width], background[:, :width], name)
    if found is None:
        return None
    return replace(found, values=np.pad(found.values, ((0, 0), (0, X.shape[1] - width))))
