import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.errors import DataError
from apps.ml.evaluation.statistics.consistency import consistency
from apps.ml.evaluation.statistics.measurement import Measurement


def measured(X: np.ndarray, decisions: np.ndarray, neighbours: int = 3, rows: int = 10_000) -> Measurement:
    return consistency(X, decisions, neighbours, rows, 0, 0.95)


def slow_consistency(X: np.ndarray, decisions: np.ndarray, neighbours: int) -> float:
    """All distances; rows at the distance of the edge share the places that are left."""
    deviation = X.std(axis=0)
    scaled = (X - X.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    agreement = []
    for row in range(len(X)):
        others = np.delete(np.arange(len(X)), row)
        distance = np.round(np.sqrt(((scaled[others] - scaled[row]) ** 2).sum(axis=1)), 7)
        edge = np.sort(distance)[neighbours - 1]
        inside, at_edge = distance < edge, distance == edge
        left = neighbours - inside.sum()
        mean = (decisions[others][inside].sum() + left * decisions[others][at_edge].mean()) / neighbours
        agreement.append(1 - abs(decisions[row] - mean))
    return float(np.mean(agreement))


def test_a_consistency_checked_by_hand() -> None:
    # Two far apart clusters of three; in the second one row is decided unlike its two neighbours.
    X = np.array([[0.0], [1.0], [2.0], [100.0], [101.0], [102.0]])
    found = measured(X, np.array([1, 1, 1, 0, 0, 1]), neighbours=2)
    assert found.value == pytest.approx((1 + 1 + 1 + 0.5 + 0.5 + 0) / 6)
    assert found.n == 6


def test_a_row_is_not_its_own_neighbour_but_its_twin_is() -> None:
    X = np.array([[0.0], [0.0], [9.0], [9.0]])
    assert measured(X, np.array([1, 0, 1, 0]), neighbours=1).value == 0.0
    assert measured(X, np.array([1, 1, 0, 0]), neighbours=1).value == 1.0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 1)), min_size=6, max_size=9),
    st.integers(1, 5),
)
def test_values_are_those_of_the_slow_way_with_many_ties(rows: list[tuple[int, int, int]], neighbours: int) -> None:
    content = np.array(rows, dtype=np.float64)
    X, decisions = content[:, :2], content[:, 2].astype(np.int8)
    assert measured(X, decisions, neighbours).value == pytest.approx(slow_consistency(X, decisions, neighbours))


def test_values_are_those_of_the_slow_way_without_ties() -> None:
    generator = np.random.default_rng(1)
    X = generator.normal(size=(200, 3)) * np.array([1.0, 100.0, 0.01])
    decisions = (X[:, 0] + generator.normal(size=200) > 0).astype(np.int8)
    assert measured(X, decisions, 5).value == pytest.approx(slow_consistency(X, decisions, 5))


def test_order_of_rows_unit_and_constant_features_do_not_matter() -> None:
    generator = np.random.default_rng(2)
    X = generator.integers(0, 4, size=(300, 3)).astype(np.float64)
    decisions = generator.integers(0, 2, 300)
    order = generator.permutation(300)
    wanted = measured(X, decisions).value
    assert measured(X[order], decisions[order]).value == pytest.approx(wanted)
    assert measured(X * 1000 + 7, decisions).value == pytest.approx(wanted)
    assert measured(np.column_stack([X, np.full(300, 5.5)]), decisions).value == pytest.approx(wanted)


def test_a_sample_of_rows_is_drawn_by_seed_and_covers_the_value_of_all_rows() -> None:
    generator = np.random.default_rng(3)
    X = generator.normal(size=(2000, 2))
    decisions = (X[:, 0] + generator.normal(size=2000) > 0).astype(np.int8)
    whole = measured(X, decisions, 5).value
    assert whole is not None
    samples = [consistency(X, decisions, 5, 200, seed, 0.95) for seed in range(40)]
    assert {found.n for found in samples} == {200}
    assert samples[0] == consistency(X, decisions, 5, 200, 0, 0.95)
    covered = [found.lower <= whole <= found.upper for found in samples]  # type: ignore[operator]
    assert np.mean(covered) > 0.85


def test_perfect_consistency_has_an_interval_with_width() -> None:
    X = np.arange(20.0)[:, None]
    found = measured(X, np.ones(20))
    assert (found.value, found.upper) == (1.0, 1.0)
    assert 0.8 < found.lower < 0.9  # type: ignore[operator]


def test_too_few_rows_no_features_and_no_rows_wanted_are_undefined() -> None:
    X, decisions = np.zeros((3, 1)), np.array([0, 1, 1])
    assert measured(X, decisions, 3).undefined == "3 rows do not have 3 neighbours each"
    assert "no features" in str(measured(np.zeros((3, 0)), decisions, 1).undefined)
    assert measured(X, decisions, 1, rows=0).undefined == "no rows were to be drawn"


def test_features_that_are_missing_or_of_another_length_are_refused() -> None:
    X = np.array([[0.0], [np.nan], [1.0]])
    with pytest.raises(DataError, match="1 of 3 rows hold missing or infinite"):
        measured(X, np.array([0, 1, 1]), 1)
    with pytest.raises(DataError, match="features 3, decisions 2"):
        measured(np.zeros((3, 1)), np.array([0, 1]), 1)
    with pytest.raises(DataError, match="got 1 dimensions"):
        measured(np.zeros(3), np.array([0, 1, 1]), 1)


def test_the_input_is_left_alone() -> None:
    X, decisions = np.array([[3.0], [1.0], [2.0]]), np.array([0, 1, 1])
    before = X.tolist(), decisions.tolist()
    measured(X, decisions, 1)
    assert (X.tolist(), decisions.tolist()) == before
