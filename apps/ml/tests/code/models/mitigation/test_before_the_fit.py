"""Reweighing, resampling and the removal of correlation."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ml.models.fitting import Rows
from apps.ml.models.mitigation.cells import Cells, count_cells
from apps.ml.models.mitigation.correlation_remover import correlation_removed, group_shifts
from apps.ml.models.mitigation.resampling import Draw, drawn_rows, resampled, target_sizes
from apps.ml.models.mitigation.reweighing import reweighed, reweighing_weights
from apps.ml.models.parts.correlation_removed import CorrelationRemoved, removed
from apps.ml.models.scoring import scores_of
from apps.ml.tests.mitigation_requests import biased_rows, mitigation_request

COUNTS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=2, max_size=4)


def rows_of(counts: list[tuple[int, int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    """Codes from -1 on and labels with so many rows of label 0 and 1."""
    cells = [(code - 1, label, size) for code, sizes in enumerate(counts) for label, size in enumerate(sizes)]
    codes = np.concatenate([np.full(size, code) for code, _, size in cells])
    return codes, np.concatenate([np.full(size, label, dtype=np.int8) for _, label, size in cells])


def dependence(rows: Rows, codes: npt.NDArray[np.int64]) -> float:
    """Largest distance of a weighted cell of group × label from the product of its margins, as a share of all."""
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights
    table = np.zeros((3, 2))
    np.add.at(table, (codes + 1, np.asarray(rows.labels, dtype=np.int64)), weights)
    table /= table.sum()
    return float(np.abs(table - np.outer(table.sum(axis=1), table.sum(axis=0))).max())


def test_weights_by_hand() -> None:
    codes, labels = np.array([0] * 4 + [1] * 4), np.array([1, 1, 1, 0, 1, 0, 0, 0], dtype=np.int8)
    assert reweighing_weights(codes, labels) == pytest.approx([2 / 3] * 3 + [2] + [2] + [2 / 3] * 3)


@given(COUNTS)
def test_weighted_groups_and_labels_are_independent_and_weights_sum_to_the_rows(counts: list[tuple[int, int]]) -> None:
    codes, labels = rows_of(counts)
    weights = reweighing_weights(codes, labels)
    assert weights.sum() == pytest.approx(len(labels))
    assert {
        round(float(np.average(labels[codes == code], weights=weights[codes == code])), 9) for code in set(codes)
    } == {round(float(labels.mean()), 9)}


@pytest.mark.parametrize("class_weight", ["none", "balanced"])
def test_reweighing_fits_independent_rows_whatever_the_class_weights(class_weight: str) -> None:
    fits: list[tuple[Rows, Rows]] = []
    request = mitigation_request("reweighing", class_weight=class_weight, fits=fits)
    reweighed(request)
    ((train, watched),) = fits
    assert dependence(request.train, request.train_codes) > 0.03
    assert dependence(train, request.train_codes) < 1e-12
    assert train.weights is not None
    assert watched.weights is not None
    cell, same = (request.train_codes == 1) & (request.train.labels == 0), request.validation_codes == 1
    assert set(train.weights[cell]) == set(watched.weights[same & (request.validation.labels == 0)])


def test_reweighing_narrows_the_gap() -> None:
    plain = reweighed(mitigation_request("reweighing", constraint="demographic_parity"))
    untouched = mitigation_request("reweighing", constraint="demographic_parity")
    fitted = untouched.fit(untouched.train, untouched.validation)
    decided = scores_of(fitted.estimator, untouched.train.X) >= 0.5
    rates = [decided[untouched.train_codes == code].mean() for code in (0, 1)]
    assert plain.found["train"]["gap"] < abs(rates[1] - rates[0]) - 0.02


@pytest.mark.parametrize(
    ("draw", "expected"), [("both", [[2, 2], [2, 2]]), ("over", [[3, 3], [3, 3]]), ("under", [[1, 1], [1, 1]])]
)
def test_sizes_of_cells_by_hand(draw: Draw, expected: list[list[int]]) -> None:
    cells = Cells(np.array([[0, 0], [3, 1], [1, 3]]))
    assert target_sizes(cells, draw).tolist() == [[0, 0], *expected]


@given(COUNTS, st.sampled_from(["over", "under", "both"]))
def test_drawn_cells_have_their_sizes_within_what_the_draw_allows(counts: list[tuple[int, int]], draw: Draw) -> None:
    codes, labels = rows_of(counts)
    cells = count_cells(codes, labels, len(counts) - 1)
    sizes = target_sizes(cells, draw)
    chosen = drawn_rows(codes, labels, sizes, 3)
    assert (count_cells(codes[chosen], labels[chosen], len(counts) - 1).rows == sizes).all()
    assert draw != "over" or (sizes >= cells.rows).all()
    assert draw != "under" or (sizes <= cells.rows).all()
    times = np.bincount(chosen, minlength=len(codes))
    for cell in range(2 * len(counts)):
        inside = times[2 * (codes + 1) + labels == cell]
        assert inside.max() - inside.min() <= 1


def test_a_cell_without_rows_stays_empty_and_the_others_are_drawn() -> None:
    cells = Cells(np.array([[0, 0], [4, 0], [2, 2]]))
    sizes = target_sizes(cells, "both")
    assert sizes.tolist() == [[0, 0], [3, 0], [3, 1]]


def test_resampling_fits_nearly_independent_rows_drawn_by_the_seed_alone() -> None:
    fits: list[tuple[Rows, Rows]] = []
    found = resampled(mitigation_request("resampling", fits=fits))
    again = mitigation_request("resampling", fits=fits)
    resampled(again)
    resampled(replace(again, seed=8))
    (first, watched), (second, _), (other, _) = fits
    assert (first.X == second.X).all()
    assert first.X.shape == other.X.shape
    assert (first.X != other.X).any()
    assert found.found["rows_after"] == len(first) == pytest.approx(600, abs=3)
    assert abs(len(watched) - 500) < 25
    drawn = np.array(list(found.found["drawn_by_group_and_label"].values()))
    assert abs(drawn[:, 1] / drawn.sum(axis=1) - drawn[:, 1].sum() / drawn.sum()).max() < 0.01


@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_removed_features_are_those_of_fairlearn_with_one_hot_groups(alpha: float) -> None:
    from fairlearn.preprocessing import CorrelationRemover

    rows, codes = biased_rows(300, 5)
    indicators = np.stack([codes == code for code in (0, 1, -1)], axis=1).astype(np.float64)
    theirs = CorrelationRemover(sensitive_feature_ids=[3, 4, 5], alpha=alpha)
    expected = theirs.fit_transform(np.hstack([rows.X, indicators]))
    found = removed(rows.X, codes, group_shifts(rows.X, codes, 2, alpha))
    assert found == pytest.approx(expected, abs=1e-12)


def test_nothing_linear_is_left_of_the_group_and_a_group_without_rows_is_not_shifted() -> None:
    X, codes = np.array([[1.0], [3.0], [5.0], [7.0]]), np.array([0, 0, 1, 1])
    shifts = group_shifts(X, codes, 3)
    assert shifts.tolist() == [[-2.0], [2.0], [0.0], [0.0]]
    assert removed(X, codes, shifts).tolist() == [[3.0], [5.0], [3.0], [5.0]]
    assert removed(X, np.array([2, -1, 9, 0]), shifts).tolist() == [[1.0], [3.0], [5.0], [9.0]]


def test_the_part_scores_features_less_the_shift_of_the_group_in_the_last_column() -> None:
    request = mitigation_request("correlation_remover")
    found = correlation_removed(request)
    part = found.estimator
    assert isinstance(part, CorrelationRemoved)
    assert part.n_features_in_ == 4
    X = np.column_stack([request.validation.X, request.validation_codes])
    expected = scores_of(part.inner, removed(request.validation.X, request.validation_codes, part.shifts))
    assert (scores_of(part, X) == expected).all()
    assert found.found["train"]["gap"] < 0.25
