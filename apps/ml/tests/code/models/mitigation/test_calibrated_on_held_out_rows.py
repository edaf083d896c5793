"""Group thresholds and blind post-processing from rows to decisions: what they promise on the rows they were found on,
about that on others, and what must not matter."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from apps.ml.errors import BundleError, DataError
from apps.ml.models.catalogue import STORED_TYPES
from apps.ml.models.fitting import Rows
from apps.ml.models.mitigation.blind_post_processing import blind_post_processed
from apps.ml.models.mitigation.cross_fitting import cross_fit, fold_of, mean_weights, splits
from apps.ml.models.mitigation.gaps import gap
from apps.ml.models.mitigation.group_thresholds import group_thresholded
from apps.ml.models.parts.blind_adjustment import BlindAdjustment
from apps.ml.models.parts.group_thresholds import GroupThresholds
from apps.ml.models.parts.storage import read_part, write_part
from apps.ml.models.training import TrainedModel, TrainingRows
from apps.ml.parameters import Constraint
from apps.ml.tests.code.models.parts.tampering import change_json, put
from apps.ml.tests.gap_rows import decided, gap_rows, trained
from apps.ml.tests.mitigation_requests import mitigation_request

METHODS = ("group_thresholds", "blind_post_processing")
CASES: list[tuple[int, Constraint]] = [(2, "equalized_odds"), (3, "equal_opportunity"), (3, "demographic_parity")]


@pytest.fixture(scope="module")
def models() -> dict[tuple[str, int, str], TrainedModel]:
    """(method, groups, constraint) → model; tests must not change them."""
    made = {(method, *case): trained(method, case[0], constraint=case[1]) for method in METHODS for case in CASES}
    return made | {("none", groups, ""): trained("none", groups) for groups in (2, 3)}


def gap_of(model: TrainedModel, groups: int, constraint: Constraint) -> float:
    rows = gap_rows("fresh", groups)
    assert rows.codes is not None
    found = gap(constraint, labels_of(rows), decided(model, rows), rows.codes, groups)
    assert found is not None
    return found


def labels_of(rows: TrainingRows) -> npt.NDArray[np.int8]:
    return np.asarray(rows.labels, dtype=np.int8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("groups", "constraint"), CASES)
def test_the_tolerance_is_kept_on_held_out_rows_and_about_that_on_fresh_ones(
    models: dict[tuple[str, int, str], TrainedModel], method: str, groups: int, constraint: Constraint
) -> None:
    plain, model, fresh = models["none", groups, ""], models[method, groups, constraint], gap_rows("fresh", groups)
    held_out = model.found["held_out"]
    assert held_out["gap"] <= 0.04
    assert held_out["within_tolerance"]
    assert held_out["gap_before"] > 0.12
    assert gap_of(plain, groups, constraint) > 0.12
    assert gap_of(model, groups, constraint) < 0.08
    accuracies = [float(np.mean(decided(one, fresh) == fresh.labels)) for one in (plain, model)]
    assert accuracies[1] > accuracies[0] - 0.05


@pytest.mark.parametrize("method", METHODS)
def test_the_same_rows_give_the_same_bytes(
    models: dict[tuple[str, int, str], TrainedModel], method: str, tmp_path: Path
) -> None:
    first, second = models[method, 2, "equalized_odds"], trained(method, 2)
    for name, model in (("a", first), ("b", second)):
        write_part(tmp_path / name, model.adjustment)
    files = {path.relative_to(tmp_path / "a"): path.read_bytes() for path in (tmp_path / "a").rglob("*.*")}
    assert files == {path.relative_to(tmp_path / "b"): path.read_bytes() for path in (tmp_path / "b").rglob("*.*")}
    assert json.dumps(first.found) == json.dumps(second.found)


@pytest.mark.parametrize("method", METHODS)
def test_a_stored_adjustment_moves_scores_to_the_last_bit_as_before_and_row_by_row(
    models: dict[tuple[str, int, str], TrainedModel], method: str, tmp_path: Path
) -> None:
    model, rows = models[method, 3, "demographic_parity"], gap_rows("fresh", 3)
    adjustment = model.adjustment
    assert adjustment is not None
    assert rows.codes is not None
    X = np.column_stack([rows.X, rows.codes])[:40] if adjustment.needs_group else rows.X[:40]
    scores = model.scores(rows.X[:40])
    moved = adjustment.decision_scores(scores, X)
    write_part(tmp_path, adjustment)
    assert (read_part(tmp_path, STORED_TYPES).decision_scores(scores, X) == moved).all()
    alone = [float(adjustment.decision_scores(scores[row : row + 1], X[row : row + 1])[0]) for row in range(40)]
    assert alone == moved.tolist()
    assert ((moved >= 0) & (moved <= 1)).all()
    assert adjustment.decision_scores(scores[:0], X[:0]).shape == (0,)


def test_renamed_groups_get_the_same_thresholds(models: dict[tuple[str, int, str], TrainedModel]) -> None:
    known = models["group_thresholds", 3, "demographic_parity"]
    renamed = trained("group_thresholds", 3, (2, 0, 1), constraint="demographic_parity")
    assert renamed.found["thresholds_by_group"] == known.found["thresholds_by_group"]


def test_renamed_groups_are_decided_alike(models: dict[tuple[str, int, str], TrainedModel]) -> None:
    rows = gap_rows("fresh", 2)
    renamed = trained("blind_post_processing", 2, (1, 0))
    same = decided(renamed, rows) == decided(models["blind_post_processing", 2, "equalized_odds"], rows)
    assert same.mean() > 0.99


def test_blind_decisions_do_not_look_at_the_group(models: dict[tuple[str, int, str], TrainedModel]) -> None:
    adjustment = models["blind_post_processing", 2, "equalized_odds"].adjustment
    assert isinstance(adjustment, BlindAdjustment)
    assert (adjustment.needs_group, adjustment.randomised) == (False, False)
    assert {member.n_features_in_ for member in adjustment.members} == {4}


def test_people_of_unknown_group_are_decided_by_the_common_threshold(
    models: dict[tuple[str, int, str], TrainedModel],
) -> None:
    model, rows = models["group_thresholds", 2, "equalized_odds"], gap_rows("fresh", 2)
    assert rows.codes is not None
    unknown = rows.codes < 0
    assert (decided(model, rows)[unknown] == (model.scores(rows.X) >= 0.5)[unknown]).all()
    assert model.threshold == 0.5


def test_rates_by_group_show_who_lost(models: dict[tuple[str, int, str], TrainedModel]) -> None:
    groups = models["blind_post_processing", 2, "equalized_odds"].found["held_out"]["groups"]
    assert set(groups) == {"north", "south"}
    rate = groups["south"]["true_positive_rate"]
    assert 0.0 < rate["after"] < rate["before"] < 1.0
    assert groups["south"]["rows"] > groups["south"]["positives"] > 0


@pytest.mark.parametrize("method", METHODS)
def test_validation_rows_alone_will_do(method: str) -> None:
    model = trained(method, 2, constraint="demographic_parity", options={"folds": 0})
    assert model.found["held_out"]["gap"] <= 0.04
    assert model.found["fits"] == 1
    assert model.found["held_out"]["rows"] <= 900


def test_a_part_of_the_tolerance_can_be_kept_back() -> None:
    model = trained("group_thresholds", 2, options={"margin": 0.25, "true_positive_share": 0.5})
    assert model.found["aims"] == pytest.approx([0.015, 0.03])
    assert model.found["held_out"]["gap"] <= 0.03


@pytest.mark.parametrize("apply", [group_thresholded, blind_post_processed])
def test_a_group_with_too_few_rows_is_refused_with_the_counts(apply: object) -> None:
    method = "group_thresholds" if apply is group_thresholded else "blind_post_processing"
    request = mitigation_request(method, tolerance=0.005)
    with pytest.raises(DataError, match=r"rows of label 1 by group of 'team': a \d+, b \d+\. With \d+ rows .* Join"):
        apply(request)  # type: ignore[operator]


def test_wanting_the_impossible_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.ml.models.mitigation.blind_rule.CORRECTIONS", 1)
    with pytest.raises(DataError, match=r"no rule without the groups of 'region' keeps to the tolerance 0\.012"):
        trained("blind_post_processing", 2, tolerance=0.012, options={"folds": 0, "true_positive_share": 0.0})


def test_rows_that_weigh_more_weigh_more_in_the_choice() -> None:
    light = mitigation_request("group_thresholds", tolerance=0.1)
    rows = Rows(light.train.X, light.train.labels, np.where(light.train.labels == 1, 4.0, 1.0))
    heavy = replace(light, train=rows)
    assert mean_weights(light.train).tolist() == [1.0, 1.0]
    assert mean_weights(heavy.train).tolist() == [1.0, 4.0]
    shares = [
        [group["selection_rate"]["after"] for group in group_thresholded(request).found["held_out"]["groups"].values()]
        for request in (light, heavy)
    ]
    assert all(after > before + 0.1 for before, after in zip(*shares, strict=True))


def test_every_training_row_is_scored_by_a_model_that_did_not_see_it() -> None:
    fits: list[tuple[Rows, Rows]] = []
    request = mitigation_request("group_thresholds", fits=fits)
    fitted = request.fit(request.train, request.validation)
    crossed = cross_fit(request, fitted, 3)
    assert len(fits) == 4
    for number, (rows, watched) in enumerate(fits[1:]):
        left_out = request.train.X[crossed.training.fold == number]
        assert len(rows) + len(left_out) == len(request.train)
        assert not set(map(bytes, left_out)) & set(map(bytes, rows.X))
        assert watched is request.validation
    assert crossed.rows.scores.shape == (1100,)
    assert crossed.siblings.shape == (3, 500)
    assert (crossed.validation.scores == request.score(fitted.estimator, request.validation.X)).all()


def test_folds_hold_every_group_and_label_evenly_and_do_not_depend_on_names() -> None:
    random = np.random.default_rng(0)
    codes, labels = random.integers(-1, 3, 500), random.integers(0, 2, 500).astype(np.int8)
    fold = fold_of(codes, labels, 4, 9)
    for code in range(-1, 3):
        for label in (0, 1):
            sizes = np.bincount(fold[(codes == code) & (labels == label)], minlength=4)
            assert np.ptp(sizes) <= 1
    renumbered = np.array([2, 0, 1, -1])[codes]
    assert (fold_of(renumbered, labels, 4, 9) == fold).all()
    assert len(list(splits(fold))) == 4
    assert not list(splits(np.full(5, -1)))


@pytest.mark.parametrize(
    "change",
    [
        put("constraint", "fair"),
        put("doubt", 0.7),
        put("shares", [[0.5, 0.0], [0.2, 0.3]]),
        put("multipliers", [[1.0]]),
    ],
)
def test_a_blind_adjustment_that_cannot_be_is_refused(
    models: dict[tuple[str, int, str], TrainedModel], change: object, tmp_path: Path
) -> None:
    write_part(tmp_path, models["blind_post_processing", 2, "equalized_odds"].adjustment)
    change_json(tmp_path / "blind_adjustment.json", change)  # type: ignore[arg-type]
    with pytest.raises(BundleError, match=r"blind_adjustment\.json.* again\.$"):
        read_part(tmp_path, STORED_TYPES)


def test_thresholds_are_one_number_per_group(models: dict[tuple[str, int, str], TrainedModel]) -> None:
    model = models["group_thresholds", 3, "demographic_parity"]
    assert isinstance(model.adjustment, GroupThresholds)
    assert model.adjustment.thresholds.tolist() == list(model.found["thresholds_by_group"].values())
