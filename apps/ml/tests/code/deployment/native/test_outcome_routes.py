"""Labels over HTTP: one, many, SageMaker's form; all or nothing; in the journal before the answer."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from apps.ml.deployment.answering.call_log import CallLog, NoLog
from apps.ml.deployment.native.outcome_routes import LINE_TYPES, outcome_routes
from apps.ml.deployment.requests.caller import Caller
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import install_refusals
from apps.ml.prediction_log.entries import Entry, OutcomeEntry, decoded
from apps.ml.prediction_log.identifiers import new_call, prediction_ids
from apps.ml.prediction_log.journal import Journal, LogFullError
from apps.ml.prediction_log.journal_reader import JournalReader
from apps.ml.prediction_log.segment_reader import Position

SMALL = Limits(instances=5, findings=3, body_bytes=20_000)
SECRET = "Jane Roe 555-0199"
ID = prediction_ids(new_call(), 3)[2]
OTHER = prediction_ids(new_call(), 1)[0]


class FullAfter:
    """A log with room for a few entries."""

    room = True

    def __init__(self, most: int) -> None:
        self.most = most
        self.entries: list[Entry] = []

    def append(self, entry: Entry) -> None:
        """Take the entry while there is room."""
        if len(self.entries) == self.most:
            raise LogFullError("full")
        self.entries.append(entry)

    def trouble(self) -> str | None:
        """Nothing is told here."""
        return None

    def close(self) -> None:
        """The entries stay."""


class InProcess:
    """A client of an application in this process."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def post(self, path: str, **content: Any) -> httpx.Response:
        """Send one request and wait for its answer."""
        return asyncio.run(self._send("POST", path, **content))

    def get(self, path: str) -> httpx.Response:
        """Fetch a document."""
        return asyncio.run(self._send("GET", path))

    async def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.request(method, path, **content)


def client_of(log: CallLog) -> InProcess:
    app = FastAPI()
    app.include_router(outcome_routes(log, SMALL))
    install_refusals(app)

    @app.middleware("http")
    async def admit(request: Any, call_next: Any) -> Any:
        request.state.caller = Caller(key="reporter")
        return await call_next(request)

    return InProcess(app)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal" / "worker")
    yield made
    made.close()


@pytest.fixture
def client(journal: Journal) -> InProcess:
    return client_of(journal)


def written(journal: Journal) -> list[OutcomeEntry]:
    payloads = JournalReader(journal.folder, journal.name).read(Position(), 1000, 10**9).payloads
    entries = [decoded(payload) for payload in payloads]
    return [entry for entry in entries if isinstance(entry, OutcomeEntry)]


def ground_truth(name: str, data: Any = "1", **changes: Any) -> dict[str, Any]:
    report = {"groundTruthData": {"data": data, "encoding": "CSV"}, "eventMetadata": {"eventId": name}}
    return {**report, "eventVersion": "0", **changes}


def accepted(answer: httpx.Response) -> int:
    assert answer.status_code == 202, answer.text
    return int(answer.json()["accepted"])


def findings(answer: httpx.Response, status: int = 422) -> list[tuple[Any, Any, Any]]:
    assert answer.status_code == status, answer.text
    assert SECRET not in answer.text
    return [(one["row"], one["column"], one["problem"]) for one in answer.json()["error"]["findings"]]


def test_one_label_is_in_the_journal_when_it_is_accepted(client: InProcess, journal: Journal) -> None:
    report = {"id": ID, "label": 1, "observed_at": "2026-01-31T13:00:00.5+01:00", "source": "ledger"}
    assert accepted(client.post("/v1/outcomes", json=report)) == 1
    (entry,) = written(journal)
    assert (entry.prediction, entry.label, entry.source, entry.key) == (ID, 1.0, "ledger", "reporter")
    assert entry.observed == 1_769_860_800_500_000
    assert abs(entry.at / 1e6 - time.time()) < 60


@pytest.mark.parametrize(
    ("report", "labels"),
    [
        ({"prediction_id": ID, "outcome": 0}, [0.0]),
        ({"id": ID, "label": 12345.5, "source": None, "observed_at": None}, [12345.5]),
        ({"id": ID, "label": True}, [1.0]),
        ({"outcomes": [{"id": ID, "label": 1}, {"id": OTHER, "label": 0}, {"id": ID, "label": 0}]}, [1.0, 0.0, 0.0]),
        (ground_truth(ID), [1.0]),
        (ground_truth(ID, " 0.25\n"), [0.25]),
        (ground_truth(ID, eventMetadata={"inferenceId": ID, "eventId": "sagemakers-own"}), [1.0]),
        ({"outcomes": [ground_truth(ID), {"id": ID, "label": 2}]}, [1.0, 2.0]),
    ],
)
def test_every_form_is_taken(client: InProcess, journal: Journal, report: Any, labels: list[float]) -> None:
    assert accepted(client.post("/v1/outcomes", json=report)) == len(labels)
    assert [entry.label for entry in written(journal)] == labels


@pytest.mark.parametrize("content_type", ["application/json", *LINE_TYPES, "application/x-ndjson; charset=utf-8"])
def test_json_lines_are_taken_in_their_order(client: InProcess, journal: Journal, content_type: str) -> None:
    lines = [json.dumps(ground_truth(ID)), "", json.dumps({"id": OTHER, "label": 0}), ""]
    answer = client.post("/v1/outcomes", content="\r\n".join(lines), headers={"content-type": content_type})
    assert accepted(answer) == 2
    assert [entry.prediction for entry in written(journal)] == [ID, OTHER]


def test_json_over_several_lines_is_one_document(client: InProcess, journal: Journal) -> None:
    body = json.dumps({"outcomes": [{"id": ID, "label": 1}]}, indent=2)
    assert accepted(client.post("/v1/outcomes", content=body, headers={"content-type": "application/json"})) == 1


@pytest.mark.parametrize(
    ("report", "column", "problem"),
    [
        ({"id": "x", "label": 1}, "id", "this names no prediction"),
        ({"id": 7, "label": 1}, "id", "this names no prediction"),
        ({"id": "00000000-0000-4000-8000-000000000000", "label": 1}, "id", "this names no prediction"),
        ({"label": 1}, "id", "the key is missing"),
        ({"id": ID, "prediction_id": ID, "label": 1}, "id", "`id` and `prediction_id` say the same twice"),
        ({"id": ID}, "label", "the key is missing"),
        ({"id": ID, "label": None}, "label", "the label is no number"),
        ({"id": ID, "label": SECRET}, "label", "the label is no number"),
        ({"id": ID, "label": 10**400}, "label", "the label is no number"),
        ({"id": ID, "label": [1]}, "label", "the label is no number"),
        ({"id": ID, "label": 1, "observed_at": "2026-01-31T12:00:00"}, "observed_at", "this is no moment"),
        ({"id": ID, "label": 1, "observed_at": SECRET}, "observed_at", "this is no moment"),
        ({"id": ID, "label": 1, "observed_at": 1769860800}, "observed_at", "this is no moment"),
        ({"id": ID, "label": 1, "source": ""}, "source", "this is no name of a source"),
        ({"id": ID, "label": 1, "source": "x" * 201}, "source", "this is no name of a source"),
        ({"id": ID, "label": 1, "note": SECRET}, "note", "an outcome has no such key"),
        ([{"id": ID, "label": 1}], None, "the outcome is no object"),
        ({"outcomes": [SECRET]}, None, "the outcome is no object"),
        (ground_truth(ID, SECRET), "label", "the label is no number"),
        (ground_truth(ID, "1,0"), "label", "the label is no number"),
        (ground_truth(ID, "nan"), "label", "the label is no number"),
        (ground_truth(ID, eventVersion="1"), "eventVersion", "the ground truth is of another version"),
        (ground_truth(ID, more=1), "groundTruthData", "the ground truth has another shape"),
        (ground_truth(ID, groundTruthData="1"), "groundTruthData", "the ground truth has another shape"),
        (
            ground_truth(ID, groundTruthData={"data": "MQ==", "encoding": "BASE64"}),
            "encoding",
            "the ground truth is of another encoding",
        ),
    ],
)
def test_what_cannot_be_taken_is_named_by_row_and_key(
    client: InProcess, journal: Journal, report: Any, column: str | None, problem: str
) -> None:
    assert findings(client.post("/v1/outcomes", json=report)) == [(0, column, problem)]
    assert written(journal) == []


def test_one_misfit_refuses_the_whole_report(client: InProcess, journal: Journal) -> None:
    reports = [{"id": ID, "label": 1}, {"id": "x", "label": "y"}, {"id": ID, "label": 0}, {"label": 1}]
    answer = client.post("/v1/outcomes", json={"outcomes": reports})
    assert [(row, column) for row, column, _ in findings(answer)] == [(1, "id"), (1, "label"), (3, "id")]
    assert "3 findings in 4 outcomes; none was taken" in answer.json()["error"]["message"]
    assert written(journal) == []


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"", "application/json", 400, "empty_body"),
        (b"{", "application/json", 400, "invalid_json"),
        (b'{"id": NaN}', "application/json", 400, "invalid_json"),
        (b'{"id": 1}\n{"id": }', "application/jsonlines", 400, "invalid_json"),
        (b'{"outcomes": []}', "application/json", 422, "misfit"),
        (b'{"id": "x"}', "text/csv", 415, "content_type"),
        (b"[" * 30_000, "application/json", 413, "body_too_large"),
        (json.dumps({"outcomes": [{"id": ID, "label": 1}] * 6}).encode(), "application/json", 413, "too_many_outcomes"),
    ],
)
def test_bodies_that_cannot_be_read_are_refused(
    client: InProcess, content: bytes, content_type: str, status: int, code: str
) -> None:
    answer = client.post("/v1/outcomes", content=content, headers={"content-type": content_type})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_line_that_is_not_json_is_named_by_its_number(client: InProcess) -> None:
    body = f'{{"id": "{ID}", "label": 1}}\n\n{{"id"'
    answer = client.post("/v1/outcomes", content=body, headers={"content-type": "application/x-ndjson"})
    assert answer.json()["error"]["message"].startswith("Line 3: ")


def test_a_log_without_room_is_answered_with_503_and_may_be_asked_again() -> None:
    log = FullAfter(1)
    client = client_of(log)
    reports = {"outcomes": [{"id": ID, "label": 1}, {"id": OTHER, "label": 1}]}
    answer = client.post("/v1/outcomes", json=reports)
    assert (answer.status_code, answer.json()["error"]["code"], answer.headers["retry-after"]) == (503, "log_full", "5")
    log.most = 10
    assert accepted(client.post("/v1/outcomes", json=reports)) == 2
    assert len(log.entries) == 3, "what is repeated is kept; the latest report holds"


def test_a_large_report_is_taken_beside_the_loop_with_the_same_result(journal: Journal) -> None:
    app = FastAPI()
    app.include_router(outcome_routes(journal, Limits()))
    reports = [{"id": name, "label": row % 2} for row, name in enumerate(prediction_ids(new_call(), 500))]
    assert accepted(InProcess(app).post("/v1/outcomes", json={"outcomes": reports})) == 500
    assert [entry.prediction for entry in written(journal)] == [report["id"] for report in reports]


def test_the_document_shows_the_three_forms(client: InProcess) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/v1/outcomes"]["post"]
    forms = operation["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    assert [sorted(form["required"]) for form in forms] == [
        ["id", "label"],
        ["outcomes"],
        ["eventMetadata", "groundTruthData"],
    ]
    assert "$ref" not in json.dumps(forms)
    assert {"202", "400", "408", "413", "415", "422", "503"} <= set(operation["responses"])


def test_a_server_without_a_log_takes_no_labels() -> None:
    answer = client_of(NoLog()).post("/v1/outcomes", json={"id": ID, "label": 1})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_log")
