"""Two thousand malformed requests: none is a failure of the server, none echoes a value or leaves one in the log.

Every refusal has the shape of the protocol that the path belongs to, the server answers right afterwards, and whatever
was answered with success is in the prediction log.
"""

import io
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from apps.ml.deployment.observation.logs import FOREIGN, SERVER_LOGGER, configure_logs
from apps.ml.deployment.protocols.error_shapes import error_answer
from apps.ml.deployment.requests.error_shape import ErrorAnswer
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.delivery import DELIVERY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.errors import RequestError
from apps.ml.models.bundle import ModelBundle
from apps.ml.prediction_log.journal import Journal
from apps.ml.prediction_log.writer import LogWriter
from apps.ml.tests.code.deployment.conftest import COLUMNS
from apps.ml.tests.code.deployment.server_contract.conftest import serving_models
from apps.ml.tests.code.deployment.server_contract.malformed import MARKS, Sent, malformed_requests
from apps.ml.tests.code.deployment.server_contract.sound_requests import ROWS, WEBHOOK, sound_requests
from apps.ml.tests.code.deployment.server_contract.written_rows import csv_body, instances

COUNT, SEED, OFTEN = 2_000, 21, 50
SECRET = "k3JxQz81mmPq77wZ"
OF_OPERATORS = (WEBHOOK, "/v1/admin")


@dataclass(frozen=True)
class Attacked:
    """A running server, what it has logged, and who stores what it answered."""

    client: httpx.Client
    log: io.StringIO
    expected: list[float]
    writer: LogWriter

    def send(self, request: Sent) -> httpx.Response:
        """Send a request; what goes to the webhook is signed."""
        signed = _signed(request.content) if request.path.startswith(WEBHOOK) else {}
        headers = [(name.encode(), value.encode("latin-1")) for name, value in (request.headers | signed).items()]
        pieces = iter([request.content[:7], request.content[7:]])
        content = pieces if request.in_pieces else request.content
        return self.client.post(request.path, content=content, headers=headers)

    def require_answering(self) -> None:
        """Ask for predictions and compare them."""
        answer = self.client.post("/v1/predict", json={"instances": instances(ROWS, COLUMNS)})
        assert [one["score"] for one in answer.json()["predictions"]] == pytest.approx(self.expected, abs=1e-12)

    def stored(self) -> tuple[int, int]:
        """Store what the journal holds, require that nothing is rejected, and return how many calls and outcomes."""
        calls = outcomes = 0
        while (written := self.writer.write_once()).entries:
            assert (written.rejected, written.torn) == (0, 0)
            calls, outcomes = calls + written.calls, outcomes + written.outcomes
        return calls, outcomes


@contextmanager
def logging_to(stream: io.StringIO) -> Iterator[None]:
    """Log as the command does, and as before in the end."""
    loggers = [logging.getLogger(name) for name in (SERVER_LOGGER, *FOREIGN)]
    before = [(one.handlers, one.level, one.propagate, list(one.filters)) for one in loggers]
    configure_logs(stream, {"FAIRMIND_LOG_FORMAT": "json"})
    try:
        yield
    finally:
        for one, (handlers, level, propagate, filters) in zip(loggers, before, strict=True):
            one.handlers, one.propagate, one.filters = handlers, propagate, filters
            one.setLevel(level)


@pytest.fixture(scope="module")
def attacked(
    bundle_folder: Path, bundle: ModelBundle, database: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Attacked]:
    """A server with every route and a prediction log."""
    model = replace(FolderSource(bundle_folder).load(), version="3", alias="champion", evidence="e" * 64)
    told, root = io.StringIO(), tmp_path_factory.mktemp("state") / "journal"
    with closing(Journal(root / "server")) as journal, logging_to(told):
        options = Options(engine=database, webhook_secret=SECRET, log=journal)
        with serving_models([model], options) as client:
            yield Attacked(client, told, bundle.answers(ROWS).scores.tolist(), LogWriter(database, root))


@pytest.fixture(scope="module")
def sound(attacked: Attacked) -> list[Sent]:
    """Sound requests to every route; the outcomes are those of a prediction that was given."""
    answer = attacked.client.post("/v1/predict", json={"instances": instances(ROWS, COLUMNS)})
    return sound_requests(answer.json()["predictions"][0]["id"])


def test_the_requests_that_are_damaged_are_sound_and_go_to_every_route(attacked: Attacked, sound: list[Sent]) -> None:
    answers = [attacked.send(request) for request in sound]
    assert {answer.status_code for answer in answers} == {200, 202}, [answer.text for answer in answers]
    document = attacked.client.get("/openapi.json").json()
    posts = {path for path, operations in document["paths"].items() if "post" in operations}
    sent = {_template(request.path) for request in sound}
    assert posts - {"/v1/admin/drain"} == sent


def test_two_thousand_malformed_requests_are_refused_in_order(attacked: Attacked, sound: list[Sent]) -> None:
    attacked.stored()
    statuses, calls, outcomes = Counter[int](), COUNT // OFTEN, 0
    for number, request in enumerate(malformed_requests(sound, COUNT, SEED)):
        answer = attacked.send(request)
        require_orderly(request, answer)
        statuses[answer.status_code] += 1
        calls += answer.status_code == 200 and not request.path.startswith(OF_OPERATORS)
        outcomes += answer.json()["accepted"] if answer.status_code == 202 else 0
        if number % OFTEN == 0:
            attacked.require_answering()
    assert {400, 404, 413, 415, 422} <= statuses.keys()
    assert statuses[200] + statuses[202] < COUNT / 4, statuses
    assert attacked.stored() == (calls, outcomes)
    told = attacked.client.get("/metrics").text + attacked.log.getvalue()
    assert not [mark for mark in MARKS if mark in told]


@pytest.mark.parametrize("path", ["/v1/predict", "/invocations"])
def test_a_table_without_its_header_echoes_no_value(path: str, attacked: Attacked) -> None:
    body = csv_body(ROWS, COLUMNS)
    _, _, headless = body.content.partition(b"\n")
    answer = attacked.client.post(path, content=headless, headers=body.headers)
    assert answer.status_code in (400, 422)
    require_orderly(Sent(path, headless, body.headers), answer)


def test_the_same_requests_come_each_time(sound: list[Sent]) -> None:
    once, again = (list(malformed_requests(sound, 200, SEED)) for _ in range(2))
    assert once == again
    assert list(malformed_requests(sound, 200, SEED + 1)) != once


def require_orderly(request: Sent, answer: httpx.Response) -> None:
    """An answer or a refusal in the shape of its path, without a value."""
    about = f"{request.path} {request.headers} {request.damage}: {request.content[:600]!r} → {answer.text[:600]}"
    assert answer.status_code < 500, about
    assert not [mark for mark in MARKS if mark in answer.text], about
    if answer.status_code >= 400:
        content = answer.json()
        peer = error_answer(request.path.partition("?")[0], RequestError("x"))
        if peer is None:
            ErrorAnswer.model_validate(content)
        else:
            assert content.keys() == httpx.Response(200, content=bytes(peer.body)).json().keys(), about


def _signed(content: bytes) -> dict[str, str]:
    delivery, moment = f"{time.monotonic_ns()}", f"{int(time.time())}"
    signed = signature(SECRET.encode(), delivery, moment, content)
    return {DELIVERY_HEADER: delivery, TIMESTAMP_HEADER: moment, SIGNATURE_HEADER: signed}


def _template(path: str) -> str:
    return path.partition("?")[0].replace("toy_loans", "{model}").replace("versions/3", "versions/{version}")
