"""Words follow from numbers: each sentence names what was measured, and no verdict is said without its interval."""

from typing import Any

import pytest

from apps.backend.bias_tests.asking import options_of
from apps.backend.bias_tests.bodies import Detection
from apps.backend.bias_tests.file_kinds import HEAD_BYTES, kind_of
from apps.backend.bias_tests.metrics import MetricName
from apps.backend.bias_tests.results import bias_test_of
from apps.backend.bias_tests.spreadsheet import inert
from apps.backend.tests.bias_tests.scripted_evidence import Asked, Said, ScriptedEvidence, group
from apps.backend.upstreams.audits import AuditAnswer

KNOWN = {"test_id": "t", "dataset_id": "d", "dataset_name": "n", "timestamp": "now", "requested_by": "key:k"}


def answered(metric: MetricName, **said: Any) -> Any:
    """Return one metric's result over a scripted engine, and the whole test."""
    groups = said.pop("groups", {"a": group(600, 0.5), "b": group(400, 0.45)})
    threshold = said.pop("threshold", 0.8)
    body = Detection(
        model_id="loans",
        dataset_id="d",
        protected_attribute="sex",
        prediction_column="approved",
        ground_truth_column="repaid",
        fairness_threshold=threshold,
        metrics=[metric],
    )
    engine = ScriptedEvidence(groups=groups, said={name: Said(**one) for name, one in said.items()})
    query = [
        (name, one)
        for name, value in options_of(body).items()
        for one in ([value] if isinstance(value, str) else value)
    ]
    answer = AuditAnswer.model_validate(engine.audit_of(Asked("/v1/audits", query, {}, b"")))
    test = bias_test_of(answer, body, KNOWN)
    return test.results[metric], test


def test_a_ratio_that_passes() -> None:
    result, test = answered("demographic_parity")
    assert result.interpretation == (
        "50.0 % of a and 45.0 % of b are decided favourably: the lower rate is 0.9 of the higher. The 95 % interval "
        "runs from 0.85 to 0.95; it should be at least 0.8. All of it is."
    )
    assert result.recommendations == []
    assert test.summary == (
        "sex over 1,000 rows at threshold 0.8: of 1 metric 1 passed. Everything that was asked keeps its limit: low "
        "risk."
    )


def test_a_gap_that_fails() -> None:
    gap = {
        "value": 0.3,
        "lower": 0.25,
        "upper": 0.35,
        "verdict": "FAIL",
        "reason": "no part of it",
        "more": {"family": 4},
    }
    apart = {"value": 0.1, "lower": 0.02, "upper": 0.2}
    result, _ = answered("false_positive_rate_parity", predictive_equality_difference=gap, base_rate_difference=apart)
    assert result.interpretation == (
        "Of the negatives, 50.0 % of a and 45.0 % of b are predicted positive: 0.3 apart. The 95 % interval runs from "
        "0.25 to 0.35; it should be at most 0.2. No part of it is, allowing for the 4 measurements that were judged "
        "together."
    )
    assert result.recommendations[0] == "Begin with b and a, which are furthest apart."
    assert "Base rates differ by 0.1" in result.recommendations[1]
    level = {"value": 0.1, "lower": 0.0, "upper": 0.2}
    same, _ = answered("false_positive_rate_parity", predictive_equality_difference=gap, base_rate_difference=level)
    assert not any("Base rates" in text for text in same.recommendations)


def test_a_verdict_that_no_rows_would_give() -> None:
    at_the_limit = {"value": 0.2, "lower": 0.1, "upper": 0.3, "verdict": "INCONCLUSIVE", "reason": "it holds the limit"}
    result, test = answered("accuracy_equality", accuracy_difference=at_the_limit)
    assert result.recommendations[0].startswith("No number of rows that people have would decide")
    assert result.interpretation.endswith("The rows do not decide: it holds the limit.")
    assert "undetermined" in test.summary


def test_what_keeps_a_metric_from_being_measured() -> None:
    groups = {
        "a": group(600, 0.5),
        "b": group(400, None),
        "c": group(12, 0.5, judged=False, why_not="12 rows are fewer than the minimum group size of 30"),
    }
    nobody = {"value": None, "undefined": "nobody of b is positive"}
    result, _ = answered("equal_opportunity", equal_opportunity_difference=nobody, groups=groups)
    assert result.interpretation == "Not measured: nobody of b is positive."
    assert result.recommendations == [
        "c is not judged: 12 rows are fewer than the minimum group size of 30.",
        "Add rows of b: nobody is positive.",
    ]
    assert result.group_scores["b"].value is None


@pytest.mark.parametrize(("threshold", "is_said"), [(0.8, True), (0.9, False)])
def test_four_fifths_is_said_where_it_is_asked(threshold: float, is_said: bool) -> None:
    under = {"compared_with": "a", "below": True, "p_value": 0.00001, "one_person_decides": True}
    groups = {"a": group(600, 1.0), "b": group(400, 0.7, four_fifths=under)}
    failing = {"value": 0.7, "lower": 0.6, "upper": 0.75, "verdict": "FAIL", "reason": "no part of it"}
    result, _ = answered("disparate_impact", demographic_parity_ratio=failing, groups=groups, threshold=threshold)
    assert result.interpretation.startswith("The favourable rate of b is 0.7 of that of a.")
    said = "Under four fifths: b (p below 0.0001). One person decided otherwise would move b across it."
    assert (said in result.interpretation) == is_said


def test_long_names_are_cut_in_words_and_whole_in_scores() -> None:
    name = "x" * 500
    groups = {"a": group(600, 0.5), "b": group(400, 0.45), name: group(5, 0.5, judged=False, why_not="5 rows")}
    result, test = answered("demographic_parity", groups=groups)
    assert name in result.group_scores
    assert max(len(note) for note in test.notes) < 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=1", "'=1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@a", "'@a"),
        ("\ta", "'\ta"),
        ("\ra", "'\ra"),
        (" =1", "' =1"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_cell_is_no_formula(text: str | None, expected: str) -> None:
    assert inert(text) == expected


def test_a_character_may_be_cut_where_the_head_ends_and_nowhere_else() -> None:
    text = ("a" * (HEAD_BYTES - 1) + "é").encode()
    assert kind_of(text[:HEAD_BYTES], text[-8:]) == "csv"
    assert kind_of(text[1:HEAD_BYTES], text[-8:]) is None
    assert kind_of(b"\xef\xbb\xbfsex\n", b"sex\n") == "csv"
    assert kind_of(b"PAR1PAR1", b"PAR1") == "parquet"
    assert kind_of(b"PARENT,sex\n", b"sex\n") == "csv"
