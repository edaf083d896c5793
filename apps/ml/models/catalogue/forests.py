"""Forests: the mean of trees that each saw the rows or their splits by chance."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.models.catalogue.entry import EstimatorEntry
from apps.ml.models.fitting import Fit, Fitted, fit_forest
from apps.ml.parameters.estimators import ExtraTreesOptions, RandomForestOptions


def _random_forest(options: RandomForestOptions, fit: Fit) -> Fitted:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if fit.task == CLASSIFICATION else RandomForestRegressor
    return fit_forest(kind(**_chosen(options, fit)), fit)


def _extra_trees(options: ExtraTreesOptions, fit: Fit) -> Fitted:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    kind = ExtraTreesClassifier if fit.task == CLASSIFICATION else ExtraTreesRegressor
    return fit_forest(kind(**_chosen(options, fit)), fit)


def _chosen(options: RandomForestOptions | ExtraTreesOptions, fit: Fit) -> dict[str, Any]:
    return {
        "n_estimators": options.n_estimators,
        "max_depth": options.max_depth or None,
        "min_samples_leaf": options.min_samples_leaf,
        "max_features": options.max_features,
        "monotonic_cst": list(fit.monotone) if any(fit.monotone) else None,
        "random_state": fit.seed,
        "n_jobs": 1,
    }


ENTRIES: Mapping[str, EstimatorEntry] = MappingProxyType(
    {
        "random_forest": EstimatorEntry(
            "Random forest",
            _random_forest,
            tasks=(CLASSIFICATION, REGRESSION),
            takes_monotone=True,
            stored_types=(
                "sklearn.ensemble._forest.RandomForestClassifier",
                "sklearn.ensemble._forest.RandomForestRegressor",
                "sklearn.tree._classes.DecisionTreeClassifier",
                "sklearn.tree._classes.DecisionTreeRegressor",
                "sklearn.tree._tree.Tree",
            ),
        ),
        "extra_trees": EstimatorEntry(
            "Extremely randomised trees",
            _extra_trees,
            tasks=(CLASSIFICATION, REGRESSION),
            takes_monotone=True,
            stored_types=(
                "sklearn.ensemble._forest.ExtraTreesClassifier",
                "sklearn.ensemble._forest.ExtraTreesRegressor",
                "sklearn.tree._classes.ExtraTreeClassifier",
                "sklearn.tree._classes.ExtraTreeRegressor",
                "sklearn.tree._tree.Tree",
            ),
        ),
    }
)
"""Name in params.yaml → entry."""
