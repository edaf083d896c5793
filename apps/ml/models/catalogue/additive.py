"""interpret's explainable boosting machine, fitted here and taken out of its library as plain numbers.

Training and validation rows are handed over as they are divided here: interpret's own early stopping watches the
validation rows and no others. Each bag of `outer_bags` learns from another 85 % of the training rows (from all where
there is one bag), as interpret's own bags do; the model is their mean. Edges of bins are laid over the values of
training and validation rows together; the intercept, which interpret would shift by the labels of both, is set by the
training rows alone.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.models.catalogue.entry import EstimatorEntry
from apps.ml.models.fitting import Fit, Fitted, Rows, single_threaded
from apps.ml.models.parts.additive_model import AdditiveModel, Term
from apps.ml.models.scoring import logistic
from apps.ml.parameters.estimators import ExplainableBoostingOptions

BAG_SHARE = 0.85
"""Share of the training rows in a bag: interpret's own (`validation_size` .15)."""

PAIR_BINS = 64
"""Most bins of each of two features in a table: interpret's own, fewer where `max_bins` is smaller."""

NEWTON_STEPS = 50
SMALLEST_STEP = 1e-12

Matrix = npt.NDArray[np.float64]


def _explainable_boosting(options: ExplainableBoostingOptions, fit: Fit) -> Fitted:
    machine = _machine(options, fit)
    rows = _together(fit.train, fit.validation) if fit.early_stopping.enabled else fit.train
    with single_threaded():
        machine.fit(rows.X, rows.labels, sample_weight=rows.weights, bags=_bags(fit, len(rows), options.outer_bags))
    steps = int(np.max(machine.best_iteration_[0]))
    rounds = math.ceil(steps / rows.X.shape[1])
    fit.report(rounds, options.max_rounds, None)
    return Fitted(_levelled(additive_model(machine, fit.task == CLASSIFICATION), fit.train), rounds=rounds)


def additive_model(machine: Any, is_classifier: bool) -> AdditiveModel:
    """Return the intercept and terms of a fitted explainable boosting machine whose features are all numbers.

    The sums are interpret's own, in the same order. What interpret keeps for missing and unknown values, the first and
    last row of its tables, is left out: encoded features have neither.
    """
    terms = []
    for features, scores in zip(machine.term_features_, machine.term_scores_, strict=True):
        levels = [machine.bins_[one] for one in features]
        edges = [np.array(level[min(len(level), len(features)) - 1], dtype=np.float64) for level in levels]
        known = np.asarray(scores, dtype=np.float64)[(slice(1, -1),) * len(features)]
        terms.append(Term(tuple(int(one) for one in features), tuple(edges), np.ascontiguousarray(known)))
    output = "log-odds" if is_classifier else "value"
    return AdditiveModel(int(machine.n_features_in_), output, float(np.ravel(machine.intercept_)[0]), terms)


def _machine(options: ExplainableBoostingOptions, fit: Fit) -> Any:
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    kind = ExplainableBoostingClassifier if fit.task == CLASSIFICATION else ExplainableBoostingRegressor
    return kind(
        feature_types=["continuous"] * fit.train.X.shape[1],
        max_bins=options.max_bins,
        max_interaction_bins=min(options.max_bins, PAIR_BINS),
        interactions=options.interactions,
        outer_bags=options.outer_bags,
        learning_rate=options.learning_rate,
        max_rounds=options.max_rounds,
        early_stopping_rounds=fit.early_stopping.rounds if fit.early_stopping.enabled else 0,
        min_samples_leaf=options.min_samples_leaf,
        max_leaves=options.max_leaves,
        monotone_constraints=list(fit.monotone) if any(fit.monotone) else None,
        n_jobs=1,
        random_state=fit.seed % 2**31,
    )


def _bags(fit: Fit, rows: int, bags: int) -> npt.NDArray[np.int8]:
    """Return int8 [rows, bags]: 1 where a bag learns from a row, 0 where it leaves it out, -1 for validation rows."""
    train = len(fit.train)
    left_out = train - math.ceil(BAG_SHARE * train) if bags > 1 else 0
    found = np.full((rows, bags), -1, dtype=np.int8)
    found[:train] = 1
    for bag in range(bags):
        absent = np.random.default_rng([fit.seed, bag]).choice(train, left_out, replace=False)
        found[absent, bag] = 0
    return found


def _together(train: Rows, validation: Rows) -> Rows:
    weights = None
    if train.weights is not None and validation.weights is not None:
        weights = np.concatenate([train.weights, validation.weights])
    labels = np.concatenate([train.labels, validation.labels])
    return Rows(np.concatenate([train.X, validation.X]), labels, weights)


def _levelled(model: AdditiveModel, train: Rows) -> AdditiveModel:
    """Return the model with the intercept that has the least loss on the training rows."""
    shift_of = _log_odds_shift if model.contributions_output == "log-odds" else _value_shift
    shift = shift_of(model.log_odds(train.X), np.asarray(train.labels, dtype=np.float64), train.weights)
    return AdditiveModel(model.n_features_in_, model.contributions_output, model.intercept + shift, model.terms)


def _value_shift(values: Matrix, labels: Matrix, weights: Matrix | None) -> float:
    return float(np.average(labels - values, weights=weights))


def _log_odds_shift(log_odds: Matrix, labels: Matrix, weights: Matrix | None) -> float:
    """Newton's method on the mean log loss, which is convex in the shift."""
    shift = 0.0
    for _ in range(NEWTON_STEPS):
        expected = logistic(log_odds + shift)
        slope = float(np.average(expected - labels, weights=weights))
        curvature = float(np.average(expected * (1.0 - expected), weights=weights))
        step = slope / max(curvature, SMALLEST_STEP)
        shift -= step
        if abs(step) < SMALLEST_STEP:
            break
    return shift


ENTRIES: Mapping[str, EstimatorEntry] = MappingProxyType(
    {
        "explainable_boosting": EstimatorEntry(
            "Explainable boosting machine",
            _explainable_boosting,
            tasks=(CLASSIFICATION, REGRESSION),
            grows_in_rounds=True,
            takes_monotone=True,
            exact_contributions=True,
        )
    }
)
"""Name in params.yaml → entry."""
