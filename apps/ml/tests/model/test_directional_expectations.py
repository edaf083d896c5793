"""Changes whose direction is known from how the rows were made."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from apps.ml.models.bundle import ModelBundle


@pytest.mark.parametrize(
    ("column", "low", "high", "sign"),
    [("income", 20.0, 110.0, 1), ("debt", 2.0, 55.0, -1), ("age", 20.0, 75.0, 1), ("owner", 0.0, 1.0, 1)],
)
def test_scores_move_in_the_known_direction(
    model: ModelBundle, applicants: pd.DataFrame, column: str, low: float, high: float, sign: int
) -> None:
    change = model.score(applicants.assign(**{column: high})) - model.score(applicants.assign(**{column: low}))
    assert sign * change.mean() > 0.08
    assert np.mean(sign * change > 0) > 0.9


def test_more_income_step_by_step_never_lowers_the_mean_score_much(
    model: ModelBundle, applicants: pd.DataFrame
) -> None:
    means = [float(model.score(applicants.assign(income=income)).mean()) for income in np.linspace(20, 110, 7)]
    assert means[-1] - means[0] > 0.3
    assert min(np.diff(means)) > -0.03


def test_a_stricter_threshold_never_decides_one_for_more_people(model: ModelBundle, applicants: pd.DataFrame) -> None:
    scores = model.score(applicants)
    selected = [
        int(replace(model, info=replace(model.info, threshold=threshold)).decide(scores).sum())
        for threshold in np.linspace(0.05, 0.95, 19)
    ]
    assert selected == sorted(selected, reverse=True)
