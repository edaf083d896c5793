"""Requests that are refused: the right status, one JSON shape, a clear finding and never the caller's values."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.ml.deployment.requests.error_shape import ErrorAnswer, ErrorBody
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.tests.code.deployment.conftest import running, wait_until_finished
from apps.ml.tests.code.deployment.server_faults.stored import metric
from apps.ml.tests.protected_server import PATIENCE_SECONDS, until
from tests.raw_http import connected, whole_answer

JSON = {"content-type": "application/json"}
SMALL = Limits(body_bytes=2_000, instances=3, findings=5)
SECRET = "Jane Roe 555-0199"


def error_of(answer: httpx.Response, status: int, code: str) -> ErrorBody:
    """Check status, content type and shape, and return the error."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), answer.text
    error = ErrorAnswer.model_validate(answer.json()).error
    assert error.code == code
    return error


@pytest.fixture(scope="module")
def small(bundle_folder: Path) -> Iterator[httpx.Client]:
    """A client of a server with tight limits."""
    with running(FolderSource(bundle_folder), SMALL) as limited:
        assert wait_until_finished(limited)["ready"]
        yield limited


@pytest.fixture(scope="module")
def impatient(bundle_folder: Path) -> Iterator[httpx.Client]:
    """A client of a server that waits for bodies only a moment."""
    with running(FolderSource(bundle_folder), Limits(body_seconds=0.3)) as hurried:
        assert wait_until_finished(hurried)["ready"]
        yield hurried


@pytest.mark.parametrize(
    ("change", "column", "problem", "expected"),
    [
        ({"age": None}, "age", "the value has the wrong type", "a whole number"),
        ({"age": 30.5}, "age", "the number is not whole", "a whole number"),
        ({"age": "30"}, "age", "the value has the wrong type", "a whole number"),
        ({"age": True}, "age", "the value has the wrong type", "a whole number"),
        ({"age": 10**400}, "age", "the value has the wrong type", "a whole number"),
        ({"monthly-income": SECRET}, "monthly-income", "the value has the wrong type", "a finite number or null"),
        ({"monthly-income": [1]}, "monthly-income", "the value has the wrong type", "a finite number or null"),
        ({"purpose": 3}, "purpose", "the value has the wrong type", "text or null"),
        ({"purpose": {"name": SECRET}}, "purpose", "the value has the wrong type", "text or null"),
        ({"homeowner": "yes"}, "homeowner", "the value has the wrong type", "true, false, 1 or 0"),
        ({"homeowner": None}, "homeowner", "the value has the wrong type", "true, false, 1 or 0"),
        ({"shoe_size": SECRET}, "shoe_size", "the model has no such column", "only the columns of /v1/models"),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_row_and_column(
    client: httpx.Client, rows: list[dict[str, Any]], change: dict[str, Any], column: str, problem: str, expected: str
) -> None:
    answer = client.post("/v1/predict", json={"instances": [rows[0], {**rows[1], **change}]})
    findings = error_of(answer, 422, "misfit").findings
    assert [finding.model_dump() for finding in findings] == [
        {"row": 1, "column": column, "problem": problem, "expected": expected}
    ]
    assert SECRET not in answer.text


def test_a_missing_column_is_refused_even_where_null_is_allowed(
    client: httpx.Client, rows: list[dict[str, Any]]
) -> None:
    incomplete = {name: value for name, value in rows[0].items() if name != "purpose"}
    error = error_of(client.post("/v1/predict", json={"instances": [incomplete]}), 422, "misfit")
    assert [(finding.column, finding.problem) for finding in error.findings] == [("purpose", "the column is missing")]


def test_every_misfit_is_listed_and_not_only_the_first(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    broken = [{**rows[0], "age": None, "extra": 1}, rows[1], {"age": 30}]
    error = error_of(client.post("/v1/predict", json={"instances": broken}), 422, "misfit")
    assert [(finding.row, finding.column) for finding in error.findings] == [
        (0, "age"),
        (0, "extra"),
        (2, "monthly-income"),
        (2, "purpose"),
        (2, "homeowner"),
    ]


def test_an_infinite_number_is_refused(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    text = json.dumps({"instances": [{**rows[0], "monthly-income": 12345.5}]}).replace("12345.5", "1e999")
    error = error_of(client.post("/v1/predict", content=text, headers=JSON), 422, "misfit")
    assert error.findings[0].problem == "the number is infinite or too large"


@pytest.mark.parametrize("row", [None, 3, "text", [1, 2]])
def test_a_row_that_is_no_object_is_refused(client: httpx.Client, row: Any) -> None:
    error = error_of(client.post("/v1/predict", json={"instances": [row]}), 422, "misfit")
    assert (error.findings[0].row, error.findings[0].problem) == (0, "the row is not an object")


@pytest.mark.parametrize(
    ("document", "finding"),
    [
        ({}, "'instances': the key is missing"),
        ({"instances": []}, "'instances': no rows"),
        ({"instances": {}}, "'instances': the value has the wrong type"),
        ({"instances": [{}], "rows": 1}, "'rows': there is no such key"),
        ({"instances": [{}], "version": 1.5}, "'version': the value has the wrong type"),
    ],
)
def test_a_request_of_another_shape_is_refused(client: httpx.Client, document: Any, finding: str) -> None:
    error = error_of(client.post("/v1/predict", json=document), 422, "misfit")
    assert {one.problem for one in error.findings} == {finding}


@pytest.mark.parametrize("document", [[], "text", 3, None])
def test_a_body_that_is_no_object_is_refused(client: httpx.Client, document: Any) -> None:
    answer = client.post("/v1/predict", content=json.dumps(document), headers=JSON)
    assert "not a JSON object" in error_of(answer, 422, "misfit").message


@pytest.mark.parametrize("body", [b"", b"  \n"])
def test_an_empty_body_is_refused(client: httpx.Client, body: bytes) -> None:
    error_of(client.post("/v1/predict", content=body, headers=JSON), 400, "empty_body")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"instances": [', "line 1, column 16: Expecting value"),
        (b'{"instances": [{"age": NaN}]}', "NaN and Infinity are not JSON"),
        (b'{"instances": [{"age": -Infinity}]}', "NaN and Infinity are not JSON"),
        (b'{"instances": [], "instances": []}', "the same key twice"),
        (b'"\xff"', "byte 1 is not UTF-8"),
        (rb'"\ud800"', "lone surrogate"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 5_000, "too many digits"),
        (b"{} {}", "Extra data"),
    ],
)
def test_invalid_json_is_refused_and_says_why(client: httpx.Client, body: bytes, why: str) -> None:
    assert why in error_of(client.post("/v1/predict", content=body, headers=JSON), 400, "invalid_json").message


def test_a_surrogate_pair_is_one_character_and_valid(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    body = json.dumps({"instances": [{**rows[0], "purpose": "boat 🛶"}]})
    assert "\\u" in body
    assert client.post("/v1/predict", content=body, headers=JSON).status_code == 200


def test_an_announced_huge_body_is_refused_before_it_is_sent(small: httpx.Client) -> None:
    head = (
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900000000\r\n\r\n"
    )
    with connected(str(small.base_url), PATIENCE_SECONDS) as connection:
        connection.sendall(head)
        assert whole_answer(connection).startswith(b"HTTP/1.1 413 ")


def test_a_huge_body_without_a_length_is_refused_while_it_arrives(small: httpx.Client) -> None:
    answer = small.post("/v1/predict", content=(b" " * 500 for _ in range(100)), headers=JSON)
    error_of(answer, 413, "body_too_large")


def test_a_body_of_exactly_the_limit_is_read(small: httpx.Client) -> None:
    error_of(small.post("/v1/predict", content=b" " * SMALL.body_bytes, headers=JSON), 400, "empty_body")
    error_of(small.post("/v1/predict", content=b" " * (SMALL.body_bytes + 1), headers=JSON), 413, "body_too_large")


BEGUN = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"


def cut_off(client: httpx.Client) -> bytes:
    """Begin to send a body, and return what is answered when no more of it comes."""
    with connected(str(client.base_url), PATIENCE_SECONDS) as connection:
        connection.sendall(BEGUN)
        return whole_answer(connection)


def in_flight(client: httpx.Client) -> float | None:
    return metric(client.get("/metrics").text, "fairmind_requests_in_flight")


def hung_up_on(client: httpx.Client) -> float:
    """Return how many predictions were asked for and then not waited for."""
    name, labels = "http_server_request_duration_seconds_count", ('method="POST"', 'code="400"', 'route="/v1/predict"')
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
    return sum(float(line.split()[-1]) for line in lines if all(label in line for label in labels))


def test_a_body_that_does_not_arrive_is_not_waited_for(impatient: httpx.Client) -> None:
    assert cut_off(impatient).startswith(b"HTTP/1.1 408 ")


def test_a_caller_who_hangs_up_is_no_fault_of_the_server(small: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    alone, before = in_flight(small), hung_up_on(small)
    with caplog.at_level(logging.ERROR):
        with connected(str(small.base_url), PATIENCE_SECONDS) as connection:
            connection.sendall(BEGUN)
            until(lambda: in_flight(small) != alone)
        until(lambda: in_flight(small) == alone and hung_up_on(small) == before + 1)
        assert small.get("/healthz").status_code == 200
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_too_many_rows_are_refused_before_they_are_looked_at(small: httpx.Client) -> None:
    error = error_of(small.post("/v1/predict", json={"instances": [{}] * 4}), 413, "too_many_instances")
    assert "4 rows; at most 3" in error.message


def test_a_hopeless_request_lists_a_bounded_number_of_findings(small: httpx.Client) -> None:
    error = error_of(small.post("/v1/predict", json={"instances": [{}] * 3}), 422, "misfit")
    assert len(error.findings) == SMALL.findings
    assert "at least 5 findings" in error.message


def test_the_name_of_an_unknown_column_is_cut_short(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    answer = client.post("/v1/predict", json={"instances": [{**rows[0], "x" * 10_000: 1}]})
    assert error_of(answer, 422, "misfit").findings[0].column == "x" * 100


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-type": "text/plain"}, {"content-type": "application/json; charset=latin-1"}],
)
def test_another_content_type_is_refused(client: httpx.Client, headers: dict[str, str]) -> None:
    error_of(client.post("/v1/predict", content=b"{}", headers=headers), 415, "content_type")


def test_the_usual_spelling_of_a_charset_is_accepted(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    body = json.dumps({"instances": rows[:1]})
    headers = {"content-type": 'Application/JSON; charset="UTF-8"'}
    assert client.post("/v1/predict", content=body, headers=headers).status_code == 200


def test_a_compressed_body_is_refused(client: httpx.Client) -> None:
    answer = client.post("/v1/predict", content=b"x", headers={**JSON, "content-encoding": "gzip"})
    error_of(answer, 415, "content_encoding")


def test_an_unknown_path_and_a_wrong_method_are_answered_in_the_same_shape(client: httpx.Client) -> None:
    error_of(client.get("/v1/nothing"), 404, "not_found")
    answer = client.get("/v1/predict")
    error_of(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


def test_a_failure_inside_gives_a_number_that_the_log_explains_without_values(
    bundle_folder: Path, rows: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    source = FailingSource(bundle_folder)
    with caplog.at_level(logging.ERROR, "fairmind.server"), running(source) as broken:
        wait_until_finished(broken)
        answer = broken.post("/v1/predict", json={"instances": [{**rows[0], "purpose": SECRET}]})
    error = error_of(answer, 500, "internal_error")
    number = error.message.split("(error ")[1].split(")")[0]
    logged = [record.getMessage() for record in caplog.records if record.name == "fairmind.server"]
    assert len(logged) == 1
    assert number in logged[0]
    assert "ZeroDivisionError" in logged[0]
    assert "conftest" not in answer.text
    assert SECRET not in answer.text + logged[0]


class FailingScorer:
    """Fails on whatever it is given."""

    name = "failing"
    refused: tuple[tuple[str, str], ...] = ()

    def score_row(self, values: Any) -> Any:
        raise ZeroDivisionError(f"cannot score {values}")

    score_rows = answers = score_row


class FailingSource(FolderSource):
    """Loads a real bundle whose scorer fails from then on."""

    def load(self) -> Any:
        return replace(super().load(), scorer=FailingScorer())


@pytest.mark.parametrize("path", ["/v1/predict/", "/v1/models/", "/invocations/"])
def test_a_path_with_a_slash_too_many_leads_nowhere(client: httpx.Client, path: str) -> None:
    """A redirect would name whatever host the caller named, and have the rows sent there over plain HTTP."""
    answer = client.post(path, json={}, headers={"host": "elsewhere.example"})
    assert (answer.status_code, "location" in answer.headers) == (404, False)
