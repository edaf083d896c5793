"""Changes that must not change a score."""

import numpy as np
import pandas as pd
import pytest

from apps.ml.features.request_frame import frame_from_records
from apps.ml.models.bundle import ModelBundle


def test_the_order_of_rows_does_not_matter(model: ModelBundle, applicants: pd.DataFrame) -> None:
    order = np.random.default_rng(3).permutation(len(applicants))
    shuffled = applicants.iloc[order].reset_index(drop=True)
    assert (model.score(shuffled) == model.score(applicants)[order]).all()


def test_the_other_rows_of_a_request_do_not_matter(model: ModelBundle, applicants: pd.DataFrame) -> None:
    together = model.score(applicants)
    in_parts = [model.score(applicants.iloc[start : start + 7].reset_index(drop=True)) for start in range(0, 300, 7)]
    assert (np.concatenate(in_parts) == together).all()


def test_repeating_a_row_repeats_its_score(model: ModelBundle, applicants: pd.DataFrame) -> None:
    repeated = applicants.iloc[[4] * 5].reset_index(drop=True)
    assert len(set(model.score(repeated).tolist())) == 1


def test_the_order_of_keys_in_a_request_does_not_matter(model: ModelBundle) -> None:
    record = {"income": 60.0, "debt": 20.0, "age": 45, "owner": True, "city": "Chur", "noise": 0.3}
    turned = dict(reversed(record.items()))
    first, second = (model.score(frame_from_records([one], model.info.columns)) for one in (record, turned))
    assert first.tolist() == second.tolist()


def test_a_model_without_sensitive_inputs_cannot_see_them(model: ModelBundle, applicants: pd.DataFrame) -> None:
    assert not model.info.uses_sensitive
    women, men = (applicants.assign(sex=value) for value in ("female", "male"))
    assert (model.score(women) == model.score(men)).all()


def test_categories_never_seen_are_one_and_the_same(model: ModelBundle, applicants: pd.DataFrame) -> None:
    first, second = (applicants.assign(city=name) for name in ("Atlantis", "Utopia"))
    assert (model.score(first) == model.score(second)).all()


@pytest.mark.parametrize("column", ["noise", "city"])
def test_what_the_rule_does_not_use_moves_scores_little(
    model: ModelBundle, applicants: pd.DataFrame, column: str
) -> None:
    shuffled = applicants.assign(**{column: applicants[column].to_numpy()[::-1]})
    assert np.abs(model.score(shuffled) - model.score(applicants)).mean() < 0.06
