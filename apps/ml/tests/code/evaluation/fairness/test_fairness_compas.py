"""ProPublica's published numbers, from the original rows through the public functions."""

import os
from pathlib import Path

import pandas as pd
import pytest

from apps.ml.evaluation.fairness import AttributeAssessment, assess_fairness
from apps.ml.parameters import ModelEvaluation

FOLDER = os.environ.get("FAIRMIND_DATA_DIR")
pytestmark = pytest.mark.skipif(not FOLDER, reason="FAIRMIND_DATA_DIR is not set; the COMPAS rows are not here")

PARAMETERS = ModelEvaluation(seed=1, bootstrap_replicates=100, reference_groups={"race": "Caucasian"})


@pytest.fixture(scope="module")
def everybody() -> pd.DataFrame:
    folder = Path(str(FOLDER))
    frame = pd.read_csv(folder / "compas" / "compas-scores-two-years.csv", keep_default_na=False, dtype=str)
    assert len(frame) == 7214
    return frame


def assessed(frame: pd.DataFrame) -> AttributeAssessment:
    labels = (frame["two_year_recid"] == "1").to_numpy()
    decisions = (frame["score_text"] != "Low").to_numpy()
    return assess_fairness(labels, decisions, frame[["race"]], "negative", PARAMETERS).attributes["race"]


def rates(attribute: AttributeAssessment, group: str, *names: str) -> list[float | None]:
    return [attribute.groups[group].metrics[name].value for name in names]


def test_counts_and_rates_of_all_rows_are_those_published(everybody: pd.DataFrame) -> None:
    found = assessed(everybody)
    names = (
        "false_positive_rate",
        "false_negative_rate",
        "positive_predictive_value",
        "selection_rate",
        "base_rate",
    )
    assert found.counts.of("African-American").tolist() == [[990, 805], [532, 1369]]
    assert found.counts.of("Caucasian").tolist() == [[1139, 349], [461, 505]]
    assert rates(found, "African-American", *names) == pytest.approx(
        [0.448468, 0.279853, 0.629715, 0.588203, 0.514340], abs=5e-7
    )
    assert rates(found, "Caucasian", *names) == pytest.approx(
        [0.234543, 0.477226, 0.591335, 0.348003, 0.393643], abs=5e-7
    )


def test_the_gap_in_false_positives_between_two_groups_has_its_published_interval(everybody: pd.DataFrame) -> None:
    two = everybody[everybody["race"].isin(["African-American", "Caucasian"])]
    found = assessed(two).metrics
    gap = found["predictive_equality_difference"]
    assert (gap.lowest, gap.highest) == ("Caucasian", "African-American")
    assert gap.value == pytest.approx(0.213925, abs=5e-7)
    assert gap.lower == pytest.approx(0.182, abs=5e-4)
    assert gap.upper == pytest.approx(0.246, abs=1.5e-3)
    # The false positive rates differ more than the true positive rates: .213925 against .197374.
    odds = found["equalized_odds_difference"]
    assert (odds.value, odds.rate) == (gap.value, "false_positive_rate")
    assert found["equal_opportunity_difference"].value == pytest.approx(0.477226 - 0.279853, abs=1e-6)
    assert found["equalized_odds_mean_difference"].value == pytest.approx((0.213925 + 0.197373) / 2, abs=1e-6)


def test_signed_comparisons_with_the_reference_follow_from_the_published_rates(everybody: pd.DataFrame) -> None:
    found = assessed(everybody).reference
    of_group = found.comparisons["African-American"]
    assert found.group == "Caucasian"
    # The favourable outcome is not to be called a risk.
    assert of_group["statistical_parity_difference"].value == pytest.approx(0.348003 - 0.588203, abs=1e-6)
    assert of_group["disparate_impact"].value == pytest.approx((1 - 0.588203) / (1 - 0.348003), abs=1e-6)
    assert of_group["equal_opportunity_difference"].value == pytest.approx(0.477226 - 0.279853, abs=1e-6)
    assert of_group["average_odds_difference"].value == pytest.approx(
        (0.477226 - 0.279853 + 0.448468 - 0.234543) / 2, abs=1e-6
    )


def test_rates_of_the_filtered_rows_are_those_published(everybody: pd.DataFrame) -> None:
    days = pd.to_numeric(everybody["days_b_screening_arrest"])
    kept = everybody[
        (days.abs() <= 30)
        & (everybody["is_recid"] != "-1")
        & (everybody["c_charge_degree"] != "O")
        & (everybody["score_text"] != "N/A")
    ]
    assert len(kept) == 6172
    found = assessed(kept)
    names = ("false_positive_rate", "false_negative_rate")
    assert rates(found, "African-American", *names) == pytest.approx([0.423382, 0.284768], abs=5e-7)
    assert rates(found, "Caucasian", *names) == pytest.approx([0.220141, 0.496350], abs=5e-7)


def test_the_smallest_group_is_shown_and_not_judged(everybody: pd.DataFrame) -> None:
    found = assessed(everybody)
    assert not found.groups["Native American"].judged
    assert "Native American" not in found.judged_groups
    assert "Native American" not in found.reference.comparisons
    assert found.groups["Native American"].metrics["base_rate"].value is not None
