from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.errors import BundleError
from apps.ml.models.catalogue import STORED_TYPES
from apps.ml.models.parts.members import WEIGHTS_FILE, WeightedMembers
from apps.ml.models.parts.part import ExplainedPart
from apps.ml.models.parts.stacking import Stacking
from apps.ml.models.parts.storage import read_part, write_part
from apps.ml.models.parts.voting import Voting
from apps.ml.models.scoring import scores_of
from apps.ml.tests.code.models.fit_requests import (
    contents,
    fit_request,
    fitted,
    is_scored_alone_as_among_others,
    written_and_read,
)
from apps.ml.tests.code.models.learnable_rows import learnable_rows
from apps.ml.tests.code.models.parts.tampering import change_json, put

X = learnable_rows(40, 3).X
TASKS = (CLASSIFICATION, REGRESSION)
LINEAR = {CLASSIFICATION: "logistic_regression", REGRESSION: "linear_regression"}
SMALL = {"lightgbm": {"n_estimators": 20}, "xgboost": {"n_estimators": 20}, "random_forest": {"n_estimators": 5}}


def ensemble_of(kind: str, task: Task, *names: str, **options: Any) -> Any:
    members = [{"estimator": name, "options": SMALL.get(name, {})} for name in names]
    return fitted(kind, {"members": members, **options}, fit_request(task)).estimator


def explains_itself(part: Any) -> bool:
    return isinstance(part, ExplainedPart)


@pytest.fixture(scope="module")
def explained() -> dict[tuple[str, Task], Any]:
    return {
        (kind, task): ensemble_of(kind, task, LINEAR[task], "lightgbm", "xgboost")
        for kind in ("voting", "stacking")
        for task in TASKS
    }


@pytest.fixture(scope="module")
def mixed() -> Any:
    return ensemble_of("stacking", CLASSIFICATION, "random_forest", "linear_svm", "explainable_boosting", folds=2)


CASES = [(kind, task) for kind in ("voting", "stacking") for task in TASKS]


@pytest.mark.parametrize("case", CASES)
def test_contributions_add_up_where_every_member_explains_itself(explained: dict[Any, Any], case: Any) -> None:
    part = explained[case]
    assert explains_itself(part)
    found = part.contributions(X)
    assert found.shape == (40, 6)
    assert found.sum(axis=1) == pytest.approx(part.log_odds(X), rel=1e-6, abs=1e-6)
    assert part.contributions_output == ("log-odds" if case[1] == CLASSIFICATION else "value")
    assert part.contributions_method == (
        "weighted sum over members (linear, interventional over training means; native tree contributions, "
        "path-dependent)"
    )


def test_a_linear_member_is_explained_against_the_training_means(explained: dict[Any, Any]) -> None:
    part = explained["voting", CLASSIFICATION]
    linear = part.members[0]
    at_means = part._linear(linear, part.means[None, :])
    assert at_means[0, :-1].tolist() == [0.0] * 5
    assert at_means[0, -1] == pytest.approx(linear.decision_function(part.means[None, :])[0])


@pytest.mark.parametrize("case", CASES)
def test_a_row_is_scored_alone_as_among_others(explained: dict[Any, Any], mixed: Any, case: Any) -> None:
    assert is_scored_alone_as_among_others(explained[case], X)
    assert is_scored_alone_as_among_others(mixed, X)


def test_an_ensemble_with_a_member_that_does_not_explain_itself_says_so(mixed: Any) -> None:
    assert not explains_itself(mixed)
    by_probability = ensemble_of("voting", CLASSIFICATION, "lightgbm", "xgboost", mean_of="probabilities")
    assert not explains_itself(by_probability)
    assert ((by_probability.score(X) > 0) & (by_probability.score(X) < 1)).all()


def test_a_forest_that_is_sure_does_not_outvote_everybody() -> None:
    part = ensemble_of("voting", CLASSIFICATION, "random_forest", "lightgbm")
    sure = np.array([[-40.0, 40.0, 0.0, 0.0, 0.0]])
    forest = scores_of(part.members[0], sure)
    assert forest[0] in (0.0, 1.0) or 1e-6 < forest[0] < 1 - 1e-6
    assert 1e-4 < part.score(sure)[0] < 1 - 1e-4


@pytest.mark.parametrize("case", CASES)
def test_what_was_written_is_read_and_writes_the_same_bytes(
    explained: dict[Any, Any], case: Any, tmp_path: Path
) -> None:
    found = written_and_read(tmp_path, explained[case])
    assert type(found) is type(explained[case])
    assert (found.score(X) == explained[case].score(X)).all()


def test_parts_lie_inside_parts(mixed: Any, tmp_path: Path) -> None:
    found = written_and_read(tmp_path, mixed)
    assert (found.score(X) == mixed.score(X)).all()
    assert set(contents(tmp_path / "first")) >= {
        "part.json",
        "weights.json",
        "members/0/estimator.skops",
        "members/1/part.json",
        "members/2/additive.json",
    }


@pytest.mark.parametrize(
    "change",
    [
        put("weights", [1.0, 1.0, 1.0, 1.0]),
        put("weights", []),
        put("weights", 0, float("nan")),
        put("intercept", float("inf")),
        put("means", [0.0]),
        put("scale", "value"),
        put("scale", "probability"),
        put("more", 1),
    ],
)
def test_tampered_weights_are_refused(explained: dict[Any, Any], tmp_path: Path, change: Any) -> None:
    write_part(tmp_path, explained["stacking", CLASSIFICATION])
    change_json(tmp_path / WEIGHTS_FILE, change)
    with pytest.raises(BundleError, match="Train the model again"):
        read_part(tmp_path, STORED_TYPES)


def test_members_that_do_not_go_together_are_refused(explained: dict[Any, Any]) -> None:
    number, binary = explained["voting", REGRESSION].members, explained["voting", CLASSIFICATION].members
    machine = fitted("linear_svm", {}, fit_request()).estimator
    ensemble = explained["voting", CLASSIFICATION]
    for member, why in (
        (number[1], "gives a value, which is not added on the scale log-odds"),
        (machine, "gives a margin"),
        (ensemble, "is an ensemble itself"),
    ):
        with pytest.raises(BundleError, match=why):
            Voting([binary[1], member], "log-odds", [0.5, 0.5], 0.0, np.zeros(5))
    with pytest.raises(BundleError, match="takes other encoded features"):
        Stacking(binary, "log-odds", [1.0, 1.0, 1.0], 0.0, np.zeros(4))


def test_both_kinds_add_their_members_up_in_the_same_way() -> None:
    assert issubclass(Voting, WeightedMembers)
    assert issubclass(Stacking, WeightedMembers)
    assert Voting.kind != Stacking.kind
