from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.errors import BundleError
from apps.ml.models.catalogue import STORED_TYPES
from apps.ml.models.parts.storage import read_part, write_part
from apps.ml.models.parts.xgboost_trees import XGBOOST_FILE, XGBoostTrees
from apps.ml.tests.code.models.fit_requests import (
    fit_request,
    fitted,
    is_scored_alone_as_among_others,
    written_and_read,
)
from apps.ml.tests.code.models.learnable_rows import learnable_rows
from apps.ml.tests.code.models.parts.tampering import change_json, put

X = learnable_rows(60, 3).X
TASKS = (CLASSIFICATION, REGRESSION)
TREE = ("learner", "gradient_booster", "model", "trees", 0)


@pytest.fixture(scope="module")
def parts() -> dict[Task, XGBoostTrees]:
    options = {"n_estimators": 60, "max_depth": 4, "learning_rate": 0.2}
    found = {task: fitted("xgboost", options, fit_request(task, stop_after=None)).estimator for task in TASKS}
    return {CLASSIFICATION: found[CLASSIFICATION], REGRESSION: found[REGRESSION].inner}


def library_scores(part: XGBoostTrees, rows: np.ndarray) -> np.ndarray:
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(part.__reduce__()[1][0], encoding="utf-8"))
    return np.asarray(booster.predict(xgboost.DMatrix(rows, nthread=1)), dtype=np.float64)


@pytest.mark.parametrize("task", TASKS)
def test_scores_are_those_of_the_library_to_its_single_precision(parts: dict[Task, XGBoostTrees], task: Task) -> None:
    scores = parts[task].score(X)
    assert scores == pytest.approx(library_scores(parts[task], X), rel=2e-6, abs=2e-6)


def test_scores_are_sums_over_leaves_in_double_precision(parts: dict[Task, XGBoostTrees]) -> None:
    """The oracle walks each tree by hand, comparing in single precision as XGBoost does."""
    import json

    model = json.loads(parts[REGRESSION].__reduce__()[1][0])["learner"]
    trees = model["gradient_booster"]["model"]["trees"]
    base = float(np.float32(model["learner_model_param"]["base_score"].strip("[]")))

    def leaf(tree: dict[str, Any], row: np.ndarray) -> float:
        node = 0
        while tree["left_children"][node] != -1:
            goes_left = np.float32(row[tree["split_indices"][node]]) < np.float32(tree["split_conditions"][node])
            node = tree["left_children" if goes_left else "right_children"][node]
        return float(np.float32(tree["split_conditions"][node]))

    expected = [base + sum(leaf(tree, row) for tree in trees) for row in X]
    assert parts[REGRESSION].score(X) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("task", TASKS)
def test_a_row_is_scored_and_explained_alone_as_among_others(parts: dict[Task, XGBoostTrees], task: Task) -> None:
    assert is_scored_alone_as_among_others(parts[task], X)
    alone = np.concatenate([parts[task].contributions(X[row : row + 1]) for row in range(10)])
    assert (alone == parts[task].contributions(X)[:10]).all()


@pytest.mark.parametrize("task", TASKS)
def test_contributions_add_up(parts: dict[Task, XGBoostTrees], task: Task) -> None:
    found = parts[task].contributions(X)
    assert found.shape == (60, 6)
    assert len(np.unique(found[:, -1])) == 1
    assert found.sum(axis=1) == pytest.approx(parts[task].log_odds(X), rel=1e-6, abs=1e-6)
    assert parts[task].contributions_output == ("log-odds" if task == CLASSIFICATION else "value")


def test_trees_that_grow_leaf_by_leaf_are_sound_too(tmp_path: Path) -> None:
    part = fitted("xgboost", {"n_estimators": 8, "max_leaves": 12}, fit_request(stop_after=None)).estimator
    assert (written_and_read(tmp_path, part).score(X) == part.score(X)).all()
    assert part.score(X) == pytest.approx(library_scores(part, X), rel=2e-6)


def test_no_rows_give_nothing(parts: dict[Task, XGBoostTrees]) -> None:
    part = parts[CLASSIFICATION]
    assert (part.score(X[:0]).shape, part.contributions(X[:0]).shape) == ((0,), (0, 6))


@pytest.mark.parametrize("task", TASKS)
def test_what_was_written_is_read_and_writes_the_same_bytes(
    parts: dict[Task, XGBoostTrees], task: Task, tmp_path: Path
) -> None:
    found = written_and_read(tmp_path, parts[task])
    assert (found.score(X) == parts[task].score(X)).all()


@pytest.mark.parametrize(
    "change",
    [
        put(*TREE, "left_children", 0, 10**6),
        put(*TREE, "left_children", 0, 0),
        put(*TREE, "right_children", 0, -2),
        put(*TREE, "right_children", 0, 1),
        put(*TREE, "left_children", 1, 1),
        put(*TREE, "parents", 1, 2),
        put(*TREE, "split_indices", 0, 5),
        put(*TREE, "split_indices", 0, -1),
        put(*TREE, "split_type", 0, 1),
        put(*TREE, "split_conditions", 0, float("nan")),
        put(*TREE, "split_conditions", 0, 1e300),
        put(*TREE, "split_conditions", []),
        put(*TREE, "categories", [1]),
        put(*TREE, "tree_param", "num_nodes", "1000000"),
        put(*TREE, "tree_param", "num_feature", "50"),
        put(*TREE, "tree_param", "size_leaf_vector", "2"),
        put(*TREE, "more", []),
        put("learner", "gradient_booster", "model", "tree_info", 0, 3),
        put("learner", "gradient_booster", "model", "iteration_indptr", 1, 9),
        put("learner", "gradient_booster", "model", "gbtree_model_param", "num_trees", "9"),
        put("learner", "gradient_booster", "model", "trees", []),
        put("learner", "gradient_booster", "name", "dart"),
        put("learner", "learner_model_param", "base_score", "[2E0]"),
        put("learner", "learner_model_param", "base_score", "[nan]"),
        put("learner", "learner_model_param", "num_feature", "0"),
        put("learner", "learner_model_param", "num_target", "2"),
        put("learner", "objective", "name", "rank:ndcg"),
        put("learner", "attributes", {"best_iteration": "1"}),
        put("learner", {}),
    ],
)
def test_a_tampered_model_is_refused(parts: dict[Task, XGBoostTrees], tmp_path: Path, change: Any) -> None:
    write_part(tmp_path, parts[CLASSIFICATION])
    change_json(tmp_path / XGBOOST_FILE, change)
    with pytest.raises(BundleError, match="Train the model again"):
        read_part(tmp_path, STORED_TYPES)


def test_text_that_xgboost_would_take_for_its_binary_form_is_refused(parts: dict[Task, XGBoostTrees]) -> None:
    text = parts[CLASSIFICATION].__reduce__()[1][0]
    with pytest.raises(BundleError, match="does not begin with"):
        XGBoostTrees(text.replace("{", "{ ", 1))


def test_values_beyond_single_precision_are_scored(parts: dict[Task, XGBoostTrees]) -> None:
    from apps.ml.models.scoring import scores_of

    far = np.where(X > 0, 1e300, -1e300)
    assert np.isfinite(scores_of(parts[CLASSIFICATION], far)).all()
