"""Forests: the mean of trees that each saw the rows or their splits by chance.

scikit-learn splits no node whose squared error is below 2e-16, whatever the label's unit. Numeric labels are therefore
learned in units of their deviation; the trees' numbers are then put back on the label's own scale.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.models.catalogue.entry import EstimatorEntry
from apps.ml.models.catalogue.standard_label import StandardLabel
from apps.ml.models.fitting import Fit, Fitted, fit_forest
from apps.ml.parameters.estimators import ExtraTreesOptions, RandomForestOptions


def _random_forest(options: RandomForestOptions, fit: Fit) -> Fitted:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if fit.task == CLASSIFICATION else RandomForestRegressor
    return _fit_standard(kind(**_chosen(options, fit)), fit)


def _extra_trees(options: ExtraTreesOptions, fit: Fit) -> Fitted:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    kind = ExtraTreesClassifier if fit.task == CLASSIFICATION else ExtraTreesRegressor
    return _fit_standard(kind(**_chosen(options, fit)), fit)


def _fit_standard(forest: Any, fit: Fit) -> Fitted:
    if fit.task == CLASSIFICATION:
        return fit_forest(forest, fit)
    label = StandardLabel.of(fit.train)
    fitted = fit_forest(forest, replace(fit, train=label.applied(fit.train)))
    for tree in forest.estimators_:
        tree.tree_.value[:] = tree.tree_.value * label.deviation + label.mean
        tree.tree_.impurity[:] = tree.tree_.impurity * label.deviation**2
    return fitted


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
