import re
from collections.abc import Callable

import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.errors import BundleError
from apps.ml.models.parts.boosted_trees import BoostedTrees
from apps.ml.tests.code.models.fit_requests import fit_request, fitted, is_scored_alone_as_among_others
from apps.ml.tests.code.models.learnable_rows import learnable_rows

X = learnable_rows(40, 3).X
TASKS = (CLASSIFICATION, REGRESSION)


@pytest.fixture(scope="module")
def parts() -> dict[Task, BoostedTrees]:
    options = {"n_estimators": 20, "num_leaves": 6, "learning_rate": 0.2}
    found = {task: fitted("lightgbm", options, fit_request(task, stop_after=None)).estimator for task in TASKS}
    return {CLASSIFICATION: found[CLASSIFICATION], REGRESSION: found[REGRESSION].inner}


def text_of(part: BoostedTrees) -> str:
    text: str = part.__reduce__()[1][0]
    return text


@pytest.mark.parametrize("task", TASKS)
def test_scores_are_those_of_the_library(parts: dict[Task, BoostedTrees], task: Task) -> None:
    import lightgbm

    expected = lightgbm.Booster(model_str=text_of(parts[task])).predict(X, num_threads=1)
    assert (parts[task].score(X) == expected).all()
    assert is_scored_alone_as_among_others(parts[task], X)


@pytest.mark.parametrize("task", TASKS)
def test_contributions_add_up(parts: dict[Task, BoostedTrees], task: Task) -> None:
    found = parts[task].contributions(X)
    assert found.sum(axis=1) == pytest.approx(parts[task].log_odds(X), rel=1e-9, abs=1e-9)
    assert parts[task].contributions_output == ("log-odds" if task == CLASSIFICATION else "value")


def test_log_odds_belong_to_the_scores(parts: dict[Task, BoostedTrees]) -> None:
    scores = parts[CLASSIFICATION].score(X)
    assert parts[CLASSIFICATION].log_odds(X) == pytest.approx(np.log(scores / (1 - scores)), abs=1e-12)


def test_a_model_that_found_no_split_answers_with_one_number() -> None:
    part = fitted("lightgbm", {"min_child_samples": 390}, fit_request(stop_after=None)).estimator
    assert len(np.unique(part.score(X))) == 1


def first(pattern: str, replacement: str) -> Callable[[str], str]:
    """Return a change of the first line that fits a pattern; line lengths may change, and are announced anew."""
    return lambda text: _announced(re.sub(pattern, replacement, text, count=1, flags=re.MULTILINE))


def _announced(text: str) -> str:
    head, *trees = re.split(r"(?=^Tree=)", text, flags=re.MULTILINE)
    last, rest = re.split(r"(?=^end of trees)", trees[-1], flags=re.MULTILINE)
    whole = [*trees[:-1], last]
    sizes = " ".join(str(len(tree)) for tree in whole)
    return "".join([re.sub(r"^tree_sizes=.*$", f"tree_sizes={sizes}", head, flags=re.MULTILINE), *whole, rest])


def test_announcing_lengths_anew_changes_nothing(parts: dict[Task, BoostedTrees]) -> None:
    assert _announced(text_of(parts[CLASSIFICATION])) == text_of(parts[CLASSIFICATION])


@pytest.mark.parametrize(
    "change",
    [
        first(r"^left_child=\S+", "left_child=4000"),
        first(r"^left_child=\S+", "left_child=0"),
        first(r"^left_child=\S+", "left_child=-4000"),
        first(r"^right_child=\S+", "right_child=-1"),
        first(r"^left_child=\S+", "left_child=1.5"),
        first(r"^left_child=(\S+)", r"left_child=\g<1>e0"),
        first(r"^right_child=\S+ \S+", "right_child=0_2 0_3"),
        first(r"^leaf_value=", "leaf_value=0_"),
        first(r"^is_linear=0", "is_linear=0\rleft_child=9"),
        first(r"^split_feature=\S+", "split_feature=5"),
        first(r"^split_feature=\S+", "split_feature=-1"),
        first(r"^decision_type=\S+", "decision_type=1"),
        first(r"^threshold=\S+", "threshold=nan"),
        first(r"^leaf_value=\S+", "leaf_value=inf"),
        first(r"^leaf_value=\S+ ", "leaf_value="),
        first(r"^num_leaves=\d+", "num_leaves=3"),
        first(r"^num_cat=0", "num_cat=1"),
        first(r"^is_linear=0", "is_linear=1"),
        first(r"^is_linear=0", "is_linear=0\ncat_boundaries=0 1"),
        first(r"^num_class=1", "num_class=3"),
        first(r"^max_feature_idx=4", "max_feature_idx=-1"),
        first(r"^objective=.*", "objective=lambdarank"),
        lambda text: re.sub(r"^tree_sizes=\d+", "tree_sizes=1000000", text, flags=re.MULTILINE),
        lambda text: re.sub(r"^tree_sizes=\d+ ", "tree_sizes=", text, flags=re.MULTILINE),
        lambda text: text.replace("tree\n", "tree\naverage_output\n", 1),
        lambda text: text[: len(text) // 2],
        lambda text: text[:0],
    ],
)
def test_a_tampered_text_is_refused(parts: dict[Task, BoostedTrees], change: Callable[[str], str]) -> None:
    text = text_of(parts[CLASSIFICATION])
    assert change(text) != text
    with pytest.raises(BundleError, match="Train the model again"):
        BoostedTrees(change(text))


@pytest.mark.parametrize("broken", ["[num_leaves 6]", "num_leaves", "["])
def test_parameters_of_the_training_are_not_handed_to_the_library_which_crashes_on_some(
    parts: dict[Task, BoostedTrees], broken: str
) -> None:
    text = text_of(parts[CLASSIFICATION])
    changed = text.replace("[num_leaves: 6]", broken)
    assert changed != text
    assert (BoostedTrees(changed).score(X) == parts[CLASSIFICATION].score(X)).all()
