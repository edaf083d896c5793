"""Cases that every model worth serving gets right."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from apps.ml.features.request_frame import frame_from_records
from apps.ml.models.bundle import ModelBundle
from apps.ml.tests import small_loans

SAFE = {"income": 130.0, "debt": 2.0, "age": 60, "owner": True, "city": "Bern", "noise": 0.0}
RISKY = {"income": 15.0, "debt": 60.0, "age": 19, "owner": False, "city": "Bern", "noise": 0.0}
EMPTY_WHERE_ALLOWED = {"income": 60.0, "debt": None, "age": 45, "owner": None, "city": None, "noise": 0.0}


def scores_of(model: ModelBundle, *records: Mapping[str, object]) -> list[float]:
    return model.score(frame_from_records(records, model.info.columns)).tolist()


def test_a_clear_case_is_decided_clearly(model: ModelBundle) -> None:
    safe, risky = scores_of(model, SAFE, RISKY)
    assert safe > 0.75
    assert risky < 0.25


def test_missing_values_where_allowed_give_a_score_near_the_middle(model: ModelBundle) -> None:
    (score,) = scores_of(model, EMPTY_WHERE_ALLOWED)
    assert 0.2 < score < 0.85


def test_values_beyond_everything_seen_give_finite_scores(model: ModelBundle, applicants: pd.DataFrame) -> None:
    extreme = applicants.head(3).assign(income=[0.0, 1e12, 1e300], debt=[1e300, 0.0, 1e12])
    scores = model.score(extreme)
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()


def test_no_row_gives_no_score(model: ModelBundle, applicants: pd.DataFrame) -> None:
    assert model.score(applicants.head(0)).shape == (0,)


def test_scores_mean_what_they_say(model: ModelBundle, applicants: pd.DataFrame) -> None:
    """The mean score is near the share of positive rows: 300 rows, three standard errors are .09."""
    labels = small_loans.split("test").labels
    assert model.score(applicants).mean() == pytest.approx(labels.mean(), abs=0.09)


def test_a_model_ranks_unseen_rows_far_better_than_chance(model: ModelBundle, applicants: pd.DataFrame) -> None:
    labels = small_loans.split("test").labels
    scores = model.score(applicants)
    ranking = np.mean(scores[labels == 1][:, None] > scores[labels == 0][None, :])
    assert ranking > 0.8
