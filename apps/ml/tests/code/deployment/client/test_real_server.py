"""The client against the real server: what it returns is what the bundle says."""

import asyncio
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from apps.ml.deployment.client import AsyncModelClient, ModelClient, Outcome, RefusedError
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.models.bundle import ModelBundle
from apps.ml.models.golden_rows import typed_frame
from apps.ml.tests.code.deployment.client.both_clients import PATIENT, Ask, both
from apps.ml.tests.code.deployment.conftest import running, wait_until_finished
from apps.ml.tests.kept_entries import KeptEntries

CALLERS = 8
Rows = list[dict[str, Any]]


@pytest.fixture
def address(client: httpx.Client) -> str:
    """Where the shared server listens."""
    return str(client.base_url)


@pytest.fixture(scope="module")
def logging_address(bundle_folder: Path) -> Iterator[str]:
    """The address of a server that keeps a log."""
    with running(FolderSource(bundle_folder), options=Options(log=KeptEntries())) as client:
        wait_until_finished(client)
        yield str(client.base_url)


@pytest.fixture
def asking(address: str) -> Iterator[ModelClient]:
    """One client that a test uses for all its calls."""
    with ModelClient(address, timeout=PATIENT) as made:
        yield made


def expected(bundle: ModelBundle, rows: Rows) -> tuple[float, ...]:
    return tuple(bundle.score(typed_frame(rows, bundle.info.columns)).tolist())


@both
def test_rows_get_the_bundles_own_scores_in_order(ask: Ask, address: str, bundle: ModelBundle, rows: Rows) -> None:
    answered = ask(address, "predict", rows)
    assert answered.scores == pytest.approx(expected(bundle, rows), abs=1e-9)
    assert (answered.model, answered.version, answered.evidence) == ("toy_loans", None, None)
    assert {UUID(prediction.id).version for prediction in answered.predictions} == {7}
    for prediction in answered.predictions:
        assert prediction.threshold == bundle.info.threshold
        assert prediction.decision == int(prediction.score >= bundle.info.threshold)


@both
def test_the_served_version_is_told_with_its_columns(ask: Ask, address: str, bundle: ModelBundle) -> None:
    (version,) = ask(address, "models")
    assert (version.name, version.task, version.threshold) == ("toy_loans", "binary_classification", 0.4)
    assert [column.name for column in version.columns] == [column.name for column in bundle.info.columns]
    assert version.columns[2].categories == ("car", "home", "school")


@both
def test_a_ready_server_says_so(ask: Ask, address: str) -> None:
    answered = ask(address, "ready")
    assert (answered.ready, answered.state, answered.reason) == (True, "ready", None)


@both
def test_not_being_ready_is_an_answer(ask: Ask, tmp_path: Path) -> None:
    with running(FolderSource(tmp_path)) as empty:
        answered = ask(str(empty.base_url), "ready")
    assert not answered.ready


@both
def test_a_row_that_does_not_fit_is_refused_by_row_and_column(ask: Ask, address: str, rows: Rows) -> None:
    with pytest.raises(RefusedError, match="do not fit") as caught:
        ask(address, "predict", [rows[0], {**rows[1], "age": 30.5}])
    assert (caught.value.status, caught.value.code) == (422, "misfit")
    assert [(found.row, found.column) for found in caught.value.findings] == [(1, "age")]


@both
def test_a_version_that_is_not_served_is_refused(ask: Ask, address: str, rows: Rows) -> None:
    with pytest.raises(RefusedError, match="not served") as caught:
        ask(address, "predict", rows[:1], version=7)
    assert (caught.value.status, caught.value.code) == (404, "not_served")


def test_text_beyond_ascii_reaches_the_model(asking: ModelClient, bundle: ModelBundle, rows: Rows) -> None:
    row = {**rows[0], "purpose": "Möbel „neu“"}
    assert asking.predict([row]).scores == pytest.approx(expected(bundle, [row]), abs=1e-9)


def test_threads_that_share_a_client_get_their_own_answers(
    asking: ModelClient, bundle: ModelBundle, rows: Rows
) -> None:
    scores = expected(bundle, rows)

    def own(number: int) -> bool:
        position = number % (len(rows) - 2)
        answered = asking.predict(rows[position : position + 3]).scores
        return answered == pytest.approx(scores[position : position + 3], abs=1e-9)

    with ThreadPoolExecutor(CALLERS) as threads:
        assert all(threads.map(own, range(100)))


def test_tasks_that_share_a_client_get_their_own_answers(address: str, bundle: ModelBundle, rows: Rows) -> None:
    scores = expected(bundle, rows)

    async def run() -> list[tuple[float, ...]]:
        async with AsyncModelClient(address, timeout=PATIENT) as asking:
            answered = await asyncio.gather(*(asking.predict([row]) for row in rows))
        return [one.scores for one in answered]

    assert [one for (one,) in asyncio.run(run())] == pytest.approx(scores, abs=1e-9)


@both
def test_explained_rows_get_the_same_scores_and_their_contributions(ask: Ask, address: str, rows: Rows) -> None:
    plain = ask(address, "predict", rows[:5])
    explained = ask(address, "explain", rows[:5], counterfactual=True)
    assert explained.scores == pytest.approx(plain.scores, abs=1e-9)
    for prediction in explained.predictions:
        found = prediction.explanation
        logit = math.log(prediction.score / (1 - prediction.score))
        assert found.output == "log-odds"
        assert found.base + sum(part.contribution for part in found.contributions) == pytest.approx(logit, abs=1e-6)


@both
def test_predictions_are_explained_on_request(ask: Ask, address: str, rows: Rows) -> None:
    explained = ask(address, "explain", rows[:5]).predictions
    beside = ask(address, "predict", rows[:5], explain=True).predictions
    assert [one.explanation.contributions for one in explained] == [one.explanation.contributions for one in beside]


@both
def test_outcomes_of_answered_rows_are_taken(ask: Ask, logging_address: str, rows: Rows) -> None:
    answered = ask(logging_address, "predict", rows[:2]).predictions
    outcomes = [Outcome(prediction.id, 1, datetime.now(UTC), "ledger") for prediction in answered]
    assert ask(logging_address, "report_outcomes", outcomes) == 2


@both
def test_an_outcome_of_no_prediction_is_refused(ask: Ask, logging_address: str) -> None:
    with pytest.raises(RefusedError, match="none was taken"):
        ask(logging_address, "report_outcome", "nobody", 1)


@both
def test_a_server_without_a_log_takes_no_outcome(ask: Ask, address: str) -> None:
    with pytest.raises(RefusedError, match="keeps no prediction log"):
        ask(address, "report_outcome", "01a1fdce-57f1-7da5-b1fb-c671c7f30000", 1)
