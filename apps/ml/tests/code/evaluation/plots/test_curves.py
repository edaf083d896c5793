import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.evaluation.curves import DIGITS, GROUP_POINTS, HISTOGRAM_STEPS, POINTS, curves_of
from apps.ml.evaluation.statistics.counting.joint_counts import count_jointly
from apps.ml.parameters import Explanations, ModelEvaluation

PARAMETERS = ModelEvaluation(seed=1, calibration_bins=2, explanations=Explanations())
SEX = {"sex": ("sex",)}

rows_of_two_classes = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 100), st.sampled_from(["men", "women"])), min_size=4, max_size=60
).filter(lambda rows: len({label for label, _, _ in rows}) == 2)


def curves(
    labels: list[int] | None, scores: list[float] | None, sex: list[str], weights: list[float] | None = None
) -> dict[str, Any]:
    decisions = [int(score >= 0.5) for score in scores] if scores else [0, 1] * (len(sex) // 2)
    joint = count_jointly(decisions, pd.DataFrame({"sex": sex}), labels, scores, weights, score_bins=100)
    found: dict[str, Any] = json.loads(json.dumps(curves_of(joint, SEX, PARAMETERS)))
    return found


def numbers(content: Any) -> list[float]:
    if isinstance(content, dict):
        return [found for part in content.values() for found in numbers(part)]
    if isinstance(content, list):
        return [found for part in content for found in numbers(part)]
    return [content] if isinstance(content, float) else []


def test_four_rows_by_hand() -> None:
    found = curves([0, 0, 1, 1], [0.105, 0.505, 0.405, 0.905], ["men", "women", "men", "women"])
    assert found["confusion"] == [[1, 1], [1, 1]]
    assert [(p["false_positive_rate"], p["true_positive_rate"]) for p in found["roc"]] == [
        *((0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0))
    ]
    assert [(p["recall"], p["precision"]) for p in found["precision_recall"]] == [
        *((0.5, 1.0), (0.5, 0.5), (1.0, 0.666667), (1.0, 0.5))
    ]
    assert [(p["mean_score"], p["share"], p["n"]) for p in found["calibration"]] == [(0.255, 0.5, 2), (0.705, 0.5, 2)]
    assert found["scores"]["median"] == 0.405
    assert [step for step, rows in enumerate(found["scores"]["counts"]) if rows] == [5, 20, 25, 45]
    women = found["by_group"]["sex"]["women"]
    half = next(point for point in women["thresholds"] if point["threshold"] == 0.6)
    assert half == {"threshold": 0.6, "selection_rate": 0.5, "true_positive_rate": 1.0, "false_positive_rate": 0.0}
    assert women["scores"]["median"] == 0.505


def test_decisions_without_labels_have_histograms_only() -> None:
    found = curves(None, [0.1, 0.2, 0.7, 0.9], ["men", "women", "men", "women"])
    assert found["confusion"] is None
    assert (found["roc"], found["precision_recall"], found["calibration"]) == ([], [], [])
    assert sum(found["scores"]["counts"]) == 4
    men = found["by_group"]["sex"]["men"]
    assert (men["calibration"], men["thresholds"]) == ([], [])
    assert sum(men["scores"]["counts"]) == 2


def test_decisions_without_scores_have_a_confusion_matrix_only() -> None:
    assert curves([0, 1, 1, 1], None, ["men", "women", "men", "women"]) == {
        "confusion": [[1, 0], [1, 2]],
        "roc": [],
        "precision_recall": [],
        "calibration": [],
        "scores": None,
        "by_group": {},
    }


def test_one_class_has_no_roc_curve_and_no_positive_no_precision() -> None:
    positive = curves([1, 1, 1, 1], [0.1, 0.2, 0.7, 0.9], ["men", "women", "men", "women"])
    assert positive["roc"] == []
    assert positive["precision_recall"][-1]["precision"] == 1.0
    assert positive["by_group"]["sex"]["men"]["thresholds"][0]["false_positive_rate"] is None
    negative = curves([0, 0, 0, 0], [0.1, 0.2, 0.7, 0.9], ["men", "women", "men", "women"])
    assert (negative["roc"], negative["precision_recall"]) == ([], [])


def test_crossed_attributes_stand_under_the_name_shown() -> None:
    groups = pd.DataFrame({"sex": ["men", "women"] * 4, "age": ["old"] * 4 + ["young"] * 4})
    joint = count_jointly([0, 1] * 4, groups, [1, 0] * 4, np.linspace(0, 1, 8), score_bins=10)
    found = curves_of(joint, {"age × sex": ("age", "sex")}, PARAMETERS)
    assert len(found["by_group"]["age × sex"]) == 4
    assert {sum(part["scores"]["counts"]) for part in found["by_group"]["age × sex"].values()} == {2}


def test_weights_do_not_change_what_is_counted() -> None:
    arguments = ([0, 1, 1, 0], [0.1, 0.2, 0.7, 0.9], ["men", "women", "men", "women"])
    assert curves(*arguments, weights=[1.0, 2.5, 3.0, 4.0]) == curves(*arguments)


@settings(max_examples=40, deadline=None)
@given(rows_of_two_classes)
def test_histograms_add_up_to_the_rows_and_medians_are_those_of_the_rows(rows: list[tuple[int, int, str]]) -> None:
    labels, scores = [row[0] for row in rows], [row[1] / 100 for row in rows]
    found = curves(labels, scores, [row[2] for row in rows])
    groups = found["by_group"]["sex"]
    np.testing.assert_array_equal(
        found["scores"]["counts"], np.sum([part["scores"]["counts"] for part in groups.values()], axis=0)
    )
    assert sum(found["scores"]["counts"]) == sum(map(sum, found["confusion"])) == len(rows)
    for name, part in groups.items():
        own = sorted(score for score, (_, _, sex) in zip(scores, rows, strict=True) if sex == name)
        assert sum(part["scores"]["counts"]) == len(own)
        lower_median = min(own[(len(own) - 1) // 2], 0.99)
        assert part["scores"]["median"] == pytest.approx(lower_median + 0.005, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(rows_of_two_classes)
def test_curves_are_monotone_start_and_end_where_they_must_and_are_rounded(rows: list[tuple[int, int, str]]) -> None:
    found = curves([row[0] for row in rows], [row[1] / 100 for row in rows], [row[2] for row in rows])
    ends = [(point["false_positive_rate"], point["true_positive_rate"]) for point in found["roc"]]
    assert (ends[0], ends[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert ends == sorted(ends)
    for part in found["by_group"]["sex"].values():
        rates = [point["selection_rate"] for point in part["thresholds"]]
        assert (rates[0], rates[-1]) == (1.0, 0.0)
        assert rates == sorted(rates, reverse=True)
    assert all(number == float(f"{number:.{DIGITS}g}") for number in numbers(found))


def test_curves_of_many_rows_stay_small() -> None:
    generator = np.random.default_rng(0)
    scores = generator.random(5_000)
    sex = generator.choice(["men", "women"], 5_000)
    joint = count_jointly(scores >= 0.5, pd.DataFrame({"sex": sex}), generator.random(5_000) < scores, scores)
    found = curves_of(joint, SEX, PARAMETERS)
    assert max(len(found["roc"]), len(found["precision_recall"])) <= POINTS
    assert len(found["by_group"]["sex"]["men"]["thresholds"]) == GROUP_POINTS
    assert len(found["scores"]["counts"]) == HISTOGRAM_STEPS
    assert len(json.dumps(found)) < 30_000
