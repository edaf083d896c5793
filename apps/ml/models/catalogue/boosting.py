"""Gradient boosted trees of three libraries, for binary labels by log loss, for numeric ones by squared error.

All three grow round by round, hold scores to directions, take weights and run on one thread. LightGBM and XGBoost keep
labels in single precision, so numeric ones are learned in units of their deviation; losses are told in the same units.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.errors import BundleError, ParameterError
from apps.ml.models.catalogue.entry import EstimatorEntry
from apps.ml.models.catalogue.rounds import GrowingRounds, fit_rounds
from apps.ml.models.catalogue.standard_label import StandardLabel
from apps.ml.models.fitting import Fit, Fitted, single_threaded
from apps.ml.models.parts.boosted_trees import BoostedTrees
from apps.ml.models.parts.rescaled import Rescaled
from apps.ml.models.parts.xgboost_text import LOGISTIC, SQUARED
from apps.ml.models.parts.xgboost_trees import XGBoostTrees
from apps.ml.models.scoring import logistic
from apps.ml.parameters.estimators import HistGradientBoostingOptions, LightGBMOptions, XGBoostOptions

Matrix = npt.NDArray[np.float64]


class GrowingTrees(GrowingRounds):
    """Trees in training; what has been built of them is kept until other rounds are kept."""

    _built: tuple[int, Any] | None = None

    def fitted(self) -> Any:
        """Return the fitted estimator of the rounds that are kept.

        Raises
        ------
        ParameterError
            The trees hold numbers that are none any more.
        """
        if self._built is None or self._built[0] != self.kept:
            try:
                self._built = self.kept, self._build()
            except BundleError as error:
                raise self.diverged(self._spent) from error
        return self._built[1]

    @abstractmethod
    def _build(self) -> Any:
        """Make the fitted estimator of the rounds that are kept."""


class GrowingStandard(GrowingTrees):
    """Trees in training by a library that keeps labels in single precision: numeric ones count in deviations."""

    def __init__(self, fit: Fit, rounds: int, rate: float) -> None:
        self._label = None if fit.task == CLASSIFICATION else StandardLabel.of(fit.train)
        if self._label is not None:
            fit = replace(fit, train=self._label.applied(fit.train), validation=self._label.applied(fit.validation))
        super().__init__(fit, rounds, rate)

    def _build(self) -> Any:
        trees = self._trees()
        return trees if self._label is None else Rescaled(trees, self._label.deviation, self._label.mean)

    @abstractmethod
    def _trees(self) -> Any:
        """Make the trees of the rounds that are kept."""


class GrowingLightGBM(GrowingStandard):
    """LightGBM in training."""

    name = "lightgbm"

    def __init__(self, options: LightGBMOptions, fit: Fit) -> None:
        import lightgbm

        super().__init__(fit, options.n_estimators, options.learning_rate)
        parameters, train, watched = _lightgbm_parameters(options, fit), self._fit.train, self._fit.validation
        data = lightgbm.Dataset(train.X, train.labels, weight=train.weights, params=parameters)
        with _refusals(self.name, lightgbm.basic.LightGBMError):
            self._booster: Any = lightgbm.Booster(parameters, data)
        if self._watches:
            more = lightgbm.Dataset(
                watched.X, watched.labels, weight=watched.weights, reference=data, params=parameters
            )
            self._booster.add_valid(more, "validation")

    def _trees(self) -> BoostedTrees:
        return BoostedTrees(self._booster.model_to_string(num_iteration=self.kept))

    def _grow(self, most: int) -> Sequence[float | None]:  # noqa: ARG002 (one round at a time)
        self._booster.update()
        return [self._booster.eval_valid()[0][2] if self._watches else None]


class GrowingXGBoost(GrowingStandard):
    """XGBoost in training."""

    name = "xgboost"

    def __init__(self, options: XGBoostOptions, fit: Fit) -> None:
        import xgboost

        super().__init__(fit, options.n_estimators, options.learning_rate)
        watched = [self._fit.validation] if self._watches else []
        self._data = [
            xgboost.DMatrix(rows.X, rows.labels, weight=rows.weights, nthread=1) for rows in (self._fit.train, *watched)
        ]
        self._refused = xgboost.core.XGBoostError
        with _refusals(self.name, self._refused):
            self._booster: Any = xgboost.Booster(_xgboost_parameters(options, fit), self._data)

    def _trees(self) -> XGBoostTrees:
        return XGBoostTrees(bytes(self._booster[: self.kept].save_raw("json")).decode())

    def _grow(self, most: int) -> Sequence[float | None]:  # noqa: ARG002 (one round at a time)
        with _refusals(self.name, self._refused):
            self._booster.update(self._data[0], self._spent)
        if not self._watches:
            return [None]
        return [_loss(self._fit, self._booster.predict(self._data[1], output_margin=True))]


class GrowingHistGradientBoosting(GrowingTrees):
    """scikit-learn's histogram gradient boosting in training.

    scikit-learn bins the rows anew whenever it goes on, so it grows as many rounds at once as early stopping waits for.
    """

    name = "hist_gradient_boosting"

    def __init__(self, options: HistGradientBoostingOptions, fit: Fit) -> None:
        super().__init__(fit, options.max_iter, options.learning_rate)
        self._options = options
        self._grown = _hist_gradient_boosting(options, fit, 1).set_params(warm_start=True)

    def score(self, X: Matrix) -> Matrix:
        """As :meth:`GrowingRounds.score`, from the trees that are there already."""
        raw = next(islice(self._staged(X), self.kept - 1, None))
        return logistic(raw) if self._fit.task == CLASSIFICATION else raw

    def _build(self) -> Any:
        return self.at_once(self.kept)

    def at_once(self, rounds: int) -> Any:
        """Return an estimator that was fitted at once with so many rounds, whatever has grown so far."""
        return self._fitted(_hist_gradient_boosting(self._options, self._fit, rounds))

    def _grow(self, most: int) -> Sequence[float | None]:
        before = self._spent
        rounds = min(most, self._fit.early_stopping.rounds) if self._watches else most
        self._fitted(self._grown.set_params(max_iter=before + rounds))
        if not self._watches:
            return [None] * rounds
        return [_loss(self._fit, raw) for raw in islice(self._staged(self._fit.validation.X), before, None)]

    def _staged(self, X: Matrix) -> Iterator[Matrix]:
        """Yield log-odds or values after each round."""
        name = "staged_decision_function" if self._fit.task == CLASSIFICATION else "staged_predict"
        with single_threaded():
            yield from (np.ravel(raw) for raw in getattr(self._grown, name)(X))

    def _fitted(self, boosting: Any) -> Any:
        rows = self._fit.train
        with single_threaded():
            return boosting.fit(rows.X, rows.labels, sample_weight=rows.weights)


@contextmanager
def _refusals(name: str, kind: type[Exception]) -> Iterator[None]:
    """Turn what a library refuses into an error about the options of the estimator."""
    try:
        yield
    except kind as error:
        raise ParameterError(
            f"model_training.estimators.{name}: the library refuses an option: {' '.join(str(error).split())[:200]} "
            "Choose another value."
        ) from error


def _loss(fit: Fit, raw: npt.NDArray[Any]) -> float:
    """Return the weighted mean loss of the validation rows: log loss of log-odds, or squared error of values."""
    found, labels = np.asarray(raw, dtype=np.float64), fit.validation.labels
    losses = np.logaddexp(0.0, found) - labels * found if fit.task == CLASSIFICATION else (found - labels) ** 2
    return float(np.average(losses, weights=fit.validation.weights))


def _lightgbm_parameters(options: LightGBMOptions, fit: Fit) -> dict[str, Any]:
    binary = fit.task == CLASSIFICATION
    return {
        "objective": "binary" if binary else "regression",
        "metric": "binary_logloss" if binary else "l2",
        "num_iterations": options.n_estimators,
        "learning_rate": options.learning_rate,
        "num_leaves": options.num_leaves,
        "min_data_in_leaf": options.min_child_samples,
        "bagging_fraction": options.subsample,
        "bagging_freq": 1 if options.subsample < 1 else 0,
        "feature_fraction": options.colsample_bytree,
        "lambda_l2": options.reg_lambda,
        "max_bin": options.max_bin,
        "min_data_in_bin": options.min_data_in_bin,
        "path_smooth": options.path_smooth,
        "seed": fit.seed % 2**31,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
        **({"monotone_constraints": list(fit.monotone)} if any(fit.monotone) else {}),
    }


def _xgboost_parameters(options: XGBoostOptions, fit: Fit) -> dict[str, Any]:
    """`seed_per_iteration`: otherwise all boosters of a process draw from one stream, and who else grows would show."""
    return {
        "objective": LOGISTIC if fit.task == CLASSIFICATION else SQUARED,
        "tree_method": "hist",
        "learning_rate": options.learning_rate,
        "max_depth": 0 if options.max_leaves else options.max_depth,
        "max_leaves": options.max_leaves,
        "grow_policy": "lossguide" if options.max_leaves else "depthwise",
        "max_bin": options.max_bin,
        "min_child_weight": options.min_child_weight,
        "subsample": options.subsample,
        "colsample_bytree": options.colsample_bytree,
        "reg_lambda": options.reg_lambda,
        "seed": fit.seed % 2**31,
        "seed_per_iteration": True,
        "nthread": 1,
        "verbosity": 0,
        **({"monotone_constraints": tuple(fit.monotone)} if any(fit.monotone) else {}),
    }


def _hist_gradient_boosting(options: HistGradientBoostingOptions, fit: Fit, rounds: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if fit.task == CLASSIFICATION else HistGradientBoostingRegressor
    return kind(
        learning_rate=options.learning_rate,
        max_iter=rounds,
        max_leaf_nodes=options.max_leaf_nodes,
        min_samples_leaf=options.min_samples_leaf,
        l2_regularization=options.l2_regularization,
        monotonic_cst=list(fit.monotone) if any(fit.monotone) else None,
        categorical_features=None,
        early_stopping=False,
        random_state=fit.seed,
    )


def _fit_lightgbm(options: LightGBMOptions, fit: Fit) -> Fitted:
    return fit_rounds(GrowingLightGBM(options, fit), options.n_estimators)


def _fit_xgboost(options: XGBoostOptions, fit: Fit) -> Fitted:
    return fit_rounds(GrowingXGBoost(options, fit), options.n_estimators)


def _fit_hist_gradient_boosting(options: HistGradientBoostingOptions, fit: Fit) -> Fitted:
    growing = GrowingHistGradientBoosting(options, fit)
    if fit.early_stopping.enabled:
        return fit_rounds(growing, options.max_iter)
    fitted = Fitted(growing.at_once(options.max_iter), rounds=options.max_iter)
    fit.report(options.max_iter, options.max_iter, None)
    return fitted


_SHARED: Mapping[str, Any] = MappingProxyType(
    {"tasks": (CLASSIFICATION, REGRESSION), "grows_in_rounds": True, "resource": "rounds", "takes_monotone": True}
)

ENTRIES: Mapping[str, EstimatorEntry] = MappingProxyType(
    {
        "hist_gradient_boosting": EstimatorEntry(
            "Histogram gradient boosting",
            _fit_hist_gradient_boosting,
            grow=GrowingHistGradientBoosting,
            stored_types=(
                "_loss.CyHalfBinomialLoss",
                "_loss.CyHalfSquaredError",
                "sklearn._loss._loss.CyHalfBinomialLoss",
                "sklearn._loss._loss.CyHalfSquaredError",
                "sklearn._loss.link.IdentityLink",
                "sklearn._loss.link.Interval",
                "sklearn._loss.link.LogitLink",
                "sklearn._loss.loss.HalfBinomialLoss",
                "sklearn._loss.loss.HalfSquaredError",
                "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
                "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
                "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor",
                "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
                "sklearn.preprocessing._label.LabelEncoder",
            ),
            **_SHARED,
        ),
        "lightgbm": EstimatorEntry(
            "Gradient boosted trees (LightGBM)",
            _fit_lightgbm,
            grow=GrowingLightGBM,
            exact_contributions=True,
            **_SHARED,
        ),
        "xgboost": EstimatorEntry(
            "Gradient boosted trees (XGBoost)",
            _fit_xgboost,
            grow=GrowingXGBoost,
            exact_contributions=True,
            **_SHARED,
        ),
    }
)
"""Name in params.yaml → entry."""
