"""Whatever is sent to `detect`, the answer is a test or a refusal that says what to mend; nothing else, and no 500."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.backend.bias_tests.answers import BiasTest
from apps.backend.bias_tests.metrics import METRIC_NAMES, METRICS, gate_of, limit_of
from apps.backend.tests.bias_tests.conftest import API, Bench

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
TEXTS = st.text(max_size=30)
COLUMNS = st.sampled_from(["sex", "approved", "repaid"]) | TEXTS
WORDS = TEXTS | st.integers() | NUMBERS | st.booleans()
FIELDS = {
    "protected_attribute": COLUMNS,
    "prediction_column": COLUMNS,
    "ground_truth_column": COLUMNS | st.none(),
    "score_column": COLUMNS | st.none(),
    "score_threshold": st.none() | st.floats(0, 1),
    "positive_label": WORDS | st.lists(WORDS, max_size=4) | st.none(),
    "negative_label": WORDS | st.lists(WORDS, max_size=4) | st.none(),
    "favourable_label": WORDS | st.none(),
    "missing_values": WORDS | st.lists(WORDS, max_size=4) | st.none(),
    "fairness_threshold": st.floats(0, 1.2) | st.integers(0, 2),
    "metrics": st.lists(st.sampled_from(METRIC_NAMES), max_size=12),
    "bands": st.none() | st.lists(NUMBERS, max_size=4),
    "leave_out_missing": st.booleans(),
    "model_id": st.sampled_from(["loans", "others"]) | TEXTS,
    "dataset_id": TEXTS,
}
CHANGES = st.fixed_dictionaries({}, optional=FIELDS)
ODD = st.dictionaries(st.sampled_from(sorted(FIELDS)) | st.text(max_size=8), JSON, max_size=4)
MANY = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@MANY
@given(changes=CHANGES | ODD)
def test_any_body_is_answered_or_refused(bench: Bench, changes: dict[str, Any]) -> None:
    answer = bench.detect(**changes)
    assert answer.status_code in (200, 404, 422), (answer.status_code, changes)
    if answer.status_code == 200:
        test = BiasTest.model_validate(answer.json())
        counted = (test.metrics_passed, test.metrics_failed, test.metrics_inconclusive, test.metrics_undefined)
        assert sum(counted) == len(test.results)
        assert all(
            (result.passed is None) == (result.verdict not in ("PASS", "FAIL")) for result in test.results.values()
        )
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"].endswith(".")


@MANY
@given(body=JSON)
def test_any_document_is_refused(bench: Bench, body: Any) -> None:
    answer = bench.analyst.post(f"{API}/detect", json=body)
    assert answer.status_code == 422, answer.text


def test_numbers_that_are_none_are_refused(bench: Bench) -> None:
    for number in ("NaN", "Infinity", "-Infinity", "1e999"):
        body = f'{{"model_id": "loans", "fairness_threshold": {number}, "positive_label": {number}}}'
        headers = {"Content-Type": "application/json"}
        assert bench.analyst.post(f"{API}/detect", content=body, headers=headers).status_code == 422


@MANY
@given(threshold=st.floats(1e-300, 1.0))
def test_limits_are_exact_and_say_the_same_on_both_sides(threshold: float) -> None:
    ratio, gap = METRICS["demographic_parity"], METRICS["equal_opportunity"]
    assert limit_of(ratio, threshold) == threshold
    assert 0 <= limit_of(gap, threshold) <= 1
    assert abs(limit_of(gap, threshold) - (1 - threshold)) < 1e-15
    for metric, sign in ((ratio, ">="), (gap, "<=")):
        path, _, limit = gate_of(metric, threshold).partition(sign)
        assert path == f"fairness.*.{metric.measurement}"
        assert float(limit) == limit_of(metric, threshold)


def test_usual_limits_have_no_odd_digits() -> None:
    limits = [limit_of(METRICS["equalized_odds"], threshold) for threshold in (0.8, 0.9, 0.85, 0.95, 1.0)]
    assert limits == [0.2, 0.1, 0.15, 0.05, 0.0]
