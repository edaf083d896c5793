"""Trees from a file are followed only if they stay inside themselves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression

from apps.ml.errors import BundleError
from apps.ml.features.grown_trees import has_sound_trees
from apps.ml.features.safe_objects import read_object, write_object
from apps.ml.models.catalogue import STORED_TYPES

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
LABELS = (X[:, 0] + RNG.normal(size=300) > 0).astype(np.int8)


FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)


def forest(kind: Any = RandomForestClassifier, **state: Any) -> Any:
    """Return a fitted forest in whose first tree the fields of the root are as given."""
    model = kind(3, random_state=0, max_features=None).fit(X, LABELS)
    tree = model.estimators_[0].tree_
    content = tree.__getstate__()
    for field, value in state.items():
        content["nodes"][field][0] = value
    tree.__setstate__(content)
    return model


def boosted(**state: Any) -> HistGradientBoostingClassifier:
    """Return a fitted boosted model in whose first tree the fields of the root are as given."""
    model = HistGradientBoostingClassifier(max_iter=3).fit(X, LABELS)
    for field, value in state.items():
        model._predictors[0][0].nodes[field][0] = value
    return model


def test_fitted_models_are_sound() -> None:
    assert all(has_sound_trees(forest(kind)) for kind in FORESTS)
    assert has_sound_trees(boosted())
    assert has_sound_trees(LogisticRegression().fit(X, LABELS))


@pytest.mark.parametrize(
    "state",
    [
        {"left_child": 10**6},
        {"right_child": 10**6},
        {"left_child": 0},
        {"left_child": -5},
        {"feature": 4},
        {"feature": -2},
    ],
)
@pytest.mark.parametrize("kind", FORESTS)
def test_a_forest_that_points_outside_is_not_sound(kind: Any, state: dict[str, int]) -> None:
    assert not has_sound_trees(forest(kind, **state))


@pytest.mark.parametrize(
    "state", [{"left": 10**6}, {"right": 0}, {"feature_idx": 4}, {"feature_idx": -1}, {"is_categorical": 1}]
)
def test_a_boosted_model_that_points_outside_is_not_sound(state: dict[str, int]) -> None:
    assert not has_sound_trees(boosted(**state))


@pytest.mark.parametrize("model", [*(forest(kind, feature=400) for kind in FORESTS), boosted(left=10**6)])
def test_such_a_file_is_refused(model: Any, tmp_path: Path) -> None:
    write_object(tmp_path / "x.skops", model)
    with pytest.raises(BundleError, match="holds a tree whose nodes point outside it"):
        read_object(tmp_path / "x.skops", STORED_TYPES)
