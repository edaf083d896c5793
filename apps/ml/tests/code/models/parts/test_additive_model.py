from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.ml.errors import BundleError
from apps.ml.models.catalogue import STORED_TYPES
from apps.ml.models.parts.additive_model import ADDITIVE_FILE, AdditiveModel, Term
from apps.ml.models.parts.storage import read_part, write_part
from apps.ml.tests.code.models.fit_requests import is_scored_alone_as_among_others, written_and_read
from apps.ml.tests.code.models.parts.tampering import change_json, put

CURVE = Term((1,), (np.array([0.0, 1.0]),), np.array([-1.0, 0.5, 2.0]))
TABLE = Term((0, 2), (np.array([5.0]), np.array([-1.0, 1.0])), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
MODEL = AdditiveModel(3, "value", 10.0, [CURVE, TABLE])
X = np.array([[4.9, -0.1, -2.0], [5.0, 0.0, 0.0], [5.1, 1.0, 1.0], [0.0, 9.0, 0.9]])


def test_scores_by_hand() -> None:
    """A value on an edge belongs to the bin above it."""
    assert MODEL.score(X).tolist() == [10.0 - 1.0 + 1.0, 10.0 + 0.5 + 5.0, 10.0 + 2.0 + 6.0, 10.0 + 2.0 + 2.0]
    log_odds = AdditiveModel(3, "log-odds", 10.0, [CURVE, TABLE])
    assert log_odds.score(X) == pytest.approx(1 / (1 + np.exp(-MODEL.score(X))))


def test_what_a_pair_adds_is_split_half_and_half() -> None:
    assert MODEL.contributions(X)[1].tolist() == [2.5, 0.5, 2.5, 10.0]
    assert MODEL.contributions(X).sum(axis=1).tolist() == MODEL.score(X).tolist()
    assert "half and half" in MODEL.contributions_method


def test_a_row_is_scored_alone_as_among_others() -> None:
    assert is_scored_alone_as_among_others(MODEL, X)
    assert MODEL.score(X[:0]).shape == (0,)


def test_what_was_written_is_read_and_writes_the_same_bytes(tmp_path: Path) -> None:
    found = written_and_read(tmp_path, AdditiveModel(3, "log-odds", 0.1 + 0.2, [CURVE, TABLE]))
    assert (found.intercept, found.contributions_output, found.n_features_in_) == (0.1 + 0.2, "log-odds", 3)
    assert found.log_odds(X).tolist() == (MODEL.score(X) - 10.0 + (0.1 + 0.2)).tolist()


@pytest.mark.parametrize(
    "change",
    [
        put("features", 2),
        put("features", 0),
        put("output", "probability"),
        put("intercept", float("inf")),
        put("terms", 0, "features", [3]),
        put("terms", 0, "features", [-1]),
        put("terms", 0, "features", []),
        put("terms", 1, "features", [2, 2]),
        put("terms", 1, "features", [0, 1, 2]),
        put("terms", 1, "edges", [[5.0]]),
        put("terms", 0, "edges", 0, [1.0, 0.0]),
        put("terms", 0, "edges", 0, [0.0, 0.0]),
        put("terms", 0, "edges", 0, [0.0]),
        put("terms", 0, "edges", 0, [0.0, float("nan")]),
        put("terms", 0, "scores", 1, float("nan")),
        put("terms", 1, "scores", 0, [1.0]),
        put("terms", 1, "more", 1),
    ],
)
def test_a_tampered_model_is_refused(tmp_path: Path, change: Any) -> None:
    write_part(tmp_path, MODEL)
    change_json(tmp_path / ADDITIVE_FILE, change)
    with pytest.raises(BundleError, match=r"additive\.json"):
        read_part(tmp_path, STORED_TYPES)
