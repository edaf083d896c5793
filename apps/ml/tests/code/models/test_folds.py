import numpy as np
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.errors import DataError
from apps.ml.models.fitting import Rows
from apps.ml.models.folds import folds_of, rows_at

X = np.random.default_rng(1).normal(size=(60, 2))
LABELS = (np.arange(60) % 4 == 0).astype(np.int8)


@pytest.mark.parametrize(("task", "labels"), [(CLASSIFICATION, LABELS), (REGRESSION, X[:, 0])])
def test_every_row_is_left_out_once_and_never_seen_then(task: Task, labels: np.ndarray) -> None:
    division = list(folds_of(Rows(X, labels), 5, 3, task, "key"))
    assert sorted(np.concatenate([left_out for _, left_out in division])) == list(range(60))
    assert all(sorted([*seen, *left_out]) == list(range(60)) for seen, left_out in division)
    again, other = (list(folds_of(Rows(X, labels), 5, seed, task, "key")) for seed in (3, 4))
    assert all((one[1] == two[1]).all() for one, two in zip(division, again, strict=True))
    assert any(one[1].tolist() != two[1].tolist() for one, two in zip(division, other, strict=True))


def test_classes_are_spread_evenly() -> None:
    division = folds_of(Rows(X, LABELS), 5, 3, CLASSIFICATION, "key")
    assert [int(LABELS[left_out].sum()) for _, left_out in division] == [3] * 5


def test_copies_of_a_row_share_a_fold() -> None:
    rows = Rows(np.concatenate([X, X[:20]]), np.concatenate([LABELS, LABELS[:20]]))
    for _, left_out in folds_of(rows, 4, 3, CLASSIFICATION, "key"):
        assert {row for row in left_out if row < 20} == {row - 60 for row in left_out if row >= 60}


def test_a_rare_class_makes_fewer_folds_and_a_single_row_none() -> None:
    labels = np.zeros(60, dtype=np.int8)
    labels[:3] = 1
    assert len(list(folds_of(Rows(X, labels), 5, 3, CLASSIFICATION, "key"))) == 3
    labels[1:] = 0
    with pytest.raises(DataError, match=r"some\.key divides 60 training rows, among which there are 1 different ones"):
        list(folds_of(Rows(X, labels), 5, 3, CLASSIFICATION, "some.key"))


def test_rows_keep_their_labels_and_weights() -> None:
    part = rows_at(Rows(X, LABELS, np.arange(60.0)), np.array([4, 2]))
    assert np.array_equal(part.X, X[[4, 2]])
    assert part.weights is not None
    assert (part.labels.tolist(), part.weights.tolist()) == ([1, 0], [4.0, 2.0])
