"""The estimators that can be trained: one entry each.

Adding one: declare its options with their search space in apps.ml.parameters.estimators and add one entry here. The
types that scikit-learn's estimators are made of are listed so that a bundle may hold them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from apps.ml.models.catalogue.entry import EstimatorEntry
from apps.ml.models.fitting import Fit, Fitted, fit_at_once, fit_forest, fit_hist_gradient_boosting, fit_lightgbm
from apps.ml.parameters.estimators import (
    HistGradientBoostingOptions,
    LightGBMOptions,
    LogisticRegressionOptions,
    RandomForestOptions,
)


def _logistic_regression(options: LogisticRegressionOptions, fit: Fit) -> Fitted:
    from sklearn.linear_model import LogisticRegression

    return fit_at_once(LogisticRegression(C=options.C, max_iter=options.max_iter, random_state=fit.seed), fit)


def _random_forest(options: RandomForestOptions, fit: Fit) -> Fitted:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        n_estimators=options.n_estimators,
        max_depth=options.max_depth or None,
        min_samples_leaf=options.min_samples_leaf,
        max_features=options.max_features,
        random_state=fit.seed,
        n_jobs=1,
    )
    return fit_forest(forest, fit)


def _hist_gradient_boosting(options: HistGradientBoostingOptions, fit: Fit) -> Fitted:
    from sklearn.ensemble import HistGradientBoostingClassifier

    boosting = HistGradientBoostingClassifier(
        learning_rate=options.learning_rate,
        max_iter=options.max_iter,
        max_leaf_nodes=options.max_leaf_nodes,
        min_samples_leaf=options.min_samples_leaf,
        l2_regularization=options.l2_regularization,
        categorical_features=None,
        early_stopping=False,
        random_state=fit.seed,
    )
    return fit_hist_gradient_boosting(boosting, fit)


def _lightgbm(options: LightGBMOptions, fit: Fit) -> Fitted:
    parameters = {
        "objective": "binary",
        "metric": "binary_logloss",
        "learning_rate": options.learning_rate,
        "num_leaves": options.num_leaves,
        "min_data_in_leaf": options.min_child_samples,
        "bagging_fraction": options.subsample,
        "bagging_freq": 1 if options.subsample < 1 else 0,
        "feature_fraction": options.colsample_bytree,
        "lambda_l2": options.reg_lambda,
        "seed": fit.seed % 2**31,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    return fit_lightgbm(parameters, options.n_estimators, fit)


ESTIMATORS: Mapping[str, EstimatorEntry] = MappingProxyType(
    {
        "logistic_regression": EstimatorEntry(
            "Logistic regression",
            _logistic_regression,
            stored_types=("sklearn.linear_model._logistic.LogisticRegression",),
        ),
        "random_forest": EstimatorEntry(
            "Random forest",
            _random_forest,
            stored_types=(
                "sklearn.ensemble._forest.RandomForestClassifier",
                "sklearn.tree._classes.DecisionTreeClassifier",
                "sklearn.tree._tree.Tree",
            ),
        ),
        "hist_gradient_boosting": EstimatorEntry(
            "Histogram gradient boosting",
            _hist_gradient_boosting,
            grows_in_rounds=True,
            stored_types=(
                "sklearn._loss._loss.CyHalfBinomialLoss",
                "sklearn._loss.link.Interval",
                "sklearn._loss.link.LogitLink",
                "sklearn._loss.loss.HalfBinomialLoss",
                "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
                "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
                "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
                "sklearn.preprocessing._label.LabelEncoder",
            ),
        ),
        "lightgbm": EstimatorEntry(
            "Gradient boosted trees (LightGBM)", _lightgbm, grows_in_rounds=True, exact_contributions=True
        ),
    }
)
"""Name in params.yaml → entry."""

STORED_TYPES: tuple[str, ...] = tuple(sorted({name for entry in ESTIMATORS.values() for name in entry.stored_types}))
"""Types that a bundle's estimator may be made of."""
