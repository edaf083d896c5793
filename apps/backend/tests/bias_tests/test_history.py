"""Past tests: pages, filters, and counts that are null where there is nothing to count; on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from apps.backend.tests.bias_tests.conftest import API, UPLOAD_BYTES, Bench
from apps.backend.tests.bias_tests.scripted_evidence import Said, running_evidence
from apps.backend.tests.product import running_backend, small_settings

SCORES = (0.5, 0.95, 0.7, 0.9)
VERDICTS = ("FAIL", "PASS", "INCONCLUSIVE", "PASS")


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """An organisation with four tests of two models, on either database."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    changes: dict[str, Any] = {"upload_bytes": UPLOAD_BYTES}
    if request.param == "postgresql":
        changes["database"] = request.getfixturevalue("postgres_address")
    with (
        running_evidence() as evidence,
        running_backend(small_settings(folder, evidence=evidence.address, **changes)) as product,
    ):
        made = product.organisation("history", ("loans", "cards", "homes"))
        bench = Bench(product, evidence, made, made.client("analyst"), made.client("viewer"))
        for number, (score, verdict) in enumerate(zip(SCORES, VERDICTS, strict=True)):
            evidence.said["demographic_parity_ratio"] = Said(score, score - 0.1, score + 0.04, verdict, "as it is")
            answer = bench.detect(
                model_id="loans" if number % 2 else "cards", metrics=["demographic_parity", "calibration"]
            )
            assert answer.status_code == 200, answer.text
        yield bench


def history(bench: Bench, **query: Any) -> list[dict[str, Any]]:
    answer = bench.viewer.get(f"{API}/history", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_tests_are_listed_the_newest_first_and_in_pages(either: Bench) -> None:
    found = history(either)
    assert [one["timestamp"] for one in found] == sorted((one["timestamp"] for one in found), reverse=True)
    assert len(found) == 4
    assert "results" not in found[0]
    first = either.viewer.get(f"{API}/history", params={"limit": 3}).json()
    rest = history(either, limit=3, cursor=first["next_cursor"])
    assert [*first["items"], *rest] == found
    whole = either.viewer.get(f"{API}/test/{found[0]['test_id']}").json()
    assert found[0] == {name: whole[name] for name in found[0]}


def test_filters_narrow_the_list(either: Bench) -> None:
    found = history(either)
    assert [one["model_id"] for one in history(either, model_id="loans")] == ["loans", "loans"]
    assert history(either, model_id="homes") == []
    assert [one["verdict"] for one in history(either, verdict="FAIL")] == ["FAIL"]
    assert history(either, dataset_id=either.dataset()) == found
    assert history(either, since=found[1]["timestamp"]) == found[:2]
    assert history(either, since=(datetime.now(UTC) + timedelta(days=1)).isoformat()) == []


@pytest.mark.parametrize(
    "query",
    [
        {"verdict": "pass"},
        {"since": "2026-01-01T00:00:00"},
        {"since": "yesterday"},
        {"since": "0.5"},
        {"limit": 0},
        {"limit": 201},
        {"cursor": "x"},
        {"dataset_id": "x\x00"},
        {"model_id": "a\x07"},
    ],
)
def test_a_filter_that_means_nothing_is_refused(either: Bench, query: dict[str, Any]) -> None:
    assert either.viewer.get(f"{API}/history", params=query).status_code in (400, 422)


def test_statistics_count_and_take_honest_medians(either: Bench) -> None:
    found = either.viewer.get(f"{API}/statistics").json()
    assert (found["total_tests"], found["datasets"], found["median_rows"]) == (4, 1, 1000.0)
    # The metric that nobody could measure keeps both of its PASSes from being one of the whole test.
    assert found["verdicts"] == {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}
    assert found["risk_distribution"] == {"low": 0, "medium": 1, "high": 0, "critical": 0, "undetermined": 3}
    assert found["pass_rate"] == 0
    parity = found["metrics"]["demographic_parity"]
    assert parity == {"passed": 2, "failed": 1, "inconclusive": 1, "undefined": 0, "median_score": median(SCORES)}
    calibration = found["metrics"]["calibration"]
    assert calibration == {"passed": 0, "failed": 0, "inconclusive": 0, "undefined": 4, "median_score": None}
    assert set(found["metrics"]) == {"demographic_parity", "calibration"}
    assert [(one["model_id"], one["tests"], one["failed"]) for one in found["models"]] == [
        ("loans", 2, 0),
        ("cards", 2, 1),
    ]
    of_one = either.viewer.get(f"{API}/statistics", params={"model_id": "cards"}).json()
    assert of_one["metrics"]["demographic_parity"]["median_score"] == median((SCORES[0], SCORES[2]))


def test_without_tests_there_is_no_rate_and_no_median(either: Bench) -> None:
    empty = either.product.organisation("empty").client("viewer").get(f"{API}/statistics").json()
    assert (empty["total_tests"], empty["pass_rate"], empty["median_rows"]) == (0, None, None)
    assert (empty["models"], empty["metrics"]) == ([], {})
