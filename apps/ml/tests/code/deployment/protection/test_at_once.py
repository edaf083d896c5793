"""Requests that are answered where they were read get what all others get, and come past the same door."""

import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.ml.deployment.answering.desk import Desk
from apps.ml.deployment.native.explain_routes import ExplainedAnswers
from apps.ml.deployment.observation.meter import RequestKey
from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.protection.key_store import Wanted, create_key
from apps.ml.deployment.server import at_once_http
from apps.ml.deployment.server.application import Application
from apps.ml.deployment.server.at_once_http import LONGEST_BODY, AtOnceProtocol
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.prediction_log.database import open_database, writing
from apps.ml.prediction_log.schema import upgrade
from apps.ml.tests.kept_entries import KeptEntries
from apps.ml.tests.protected_server import Clock, ring_of, serving, until
from tests import raw_http
from tests.raw_http import CONTINUE, read_all, whole_answer

Rows = list[dict[str, Any]]
PATHS = ("/v1/predict", "/v1/explain")
SCOPES = ("predict", "explain")
CHANGING = {"date", "x-request-id"}
PATIENCE_SECONDS = 60.0


@dataclass
class Served:
    client: httpx.Client
    application: Application
    door: Door
    texts: dict[str, str]
    log: KeptEntries
    key: str = ""
    before: Counter[RequestKey] = field(default_factory=Counter)

    def head(self, path: str, *lines: str) -> bytes:
        """The first line and the headers of a request, without the empty line behind them."""
        about = ("Host: here", "Content-Type: application/json", f"Authorization: Bearer {self.key}", *lines)
        return "".join(f"{line}\r\n" for line in (f"POST {path} HTTP/1.1", *about)).encode()

    def whole(self, path: str, content: bytes, *lines: str) -> bytes:
        """A request with its length."""
        return self.head(path, f"Content-Length: {len(content)}", *lines) + b"\r\n" + content

    def totals(self) -> Counter[RequestKey]:
        """Requests by method, route and status."""
        found = self.application.meter.counts().requests.items()
        return Counter({key: int(histogram.counts.sum()) for key, histogram in found})

    def counted(self) -> Counter[RequestKey]:
        """Those of this test alone."""
        return self.totals() - self.before

    def settle(self) -> None:
        """Wait until nobody is inside and every answer is counted: the thorough way does both behind the answer."""
        until(lambda: self.door.in_flight == 0)
        asked = self.totals()["GET", "/healthz", 200]
        self.client.get("/healthz")
        until(lambda: self.totals()["GET", "/healthz", 200] == asked + 1)

    def connected(self) -> socket.socket:
        """Return a connection to the server."""
        return raw_http.connected(str(self.client.base_url), PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def shared(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('keys') / 'fairmind.db'}", create=True)
    upgrade(engine)
    clock = Clock()
    with writing(engine) as connection:
        keys = {
            name: create_key(connection, Wanted(name, SCOPES, None, per_minute), clock.moment)
            for name, per_minute in (("all", 6000), ("few", 4))
        }
    door, log = Door(DoorSettings(), ring_of(engine, clock)), KeptEntries()
    application = Application([FolderSource(bundle_folder)], Options(door=door, engine=engine, log=log))
    with serving(application) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        yield Served(client, application, door, {name: key.text for name, key in keys.items()}, log)
    engine.dispose()


@pytest.fixture
def served(shared: Served) -> Iterator[Served]:
    """The same server; `counted` and the log begin anew, and nobody is left inside."""
    shared.key = shared.texts["all"]
    shared.settle()
    shared.before, shared.log.entries[:] = shared.totals(), []
    yield shared
    until(lambda: shared.door.in_flight == 0)


def body(rows: Rows, **more: Any) -> bytes:
    return json.dumps({"instances": rows, **more}).encode()


def exchanged(served: Served, *pieces: bytes, answers: int = 1) -> list[httpx.Response]:
    """Send pieces over one connection and read so many answers."""
    with served.connected() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        found: list[httpx.Response] = []
        content = b""
        while len(found) < answers:
            arrived = connection.recv(65_536)
            assert arrived, "the server hung up"
            content += arrived
            while (answer := _first_answer(content)) is not None:
                found.append(answer[0])
                content = answer[1]
    assert not content
    return found


def _first_answer(content: bytes) -> tuple[httpx.Response, bytes] | None:
    head, end, rest = content.partition(b"\r\n\r\n")
    if not end:
        return None
    first, *lines = head.split(b"\r\n")
    headers = httpx.Headers([(name, value) for name, _, value in (line.partition(b": ") for line in lines)])
    length = int(headers["content-length"])
    if len(rest) < length:
        return None
    return httpx.Response(int(first.split()[1]), headers=headers, content=rest[:length]), rest[length:]


def without_names(answer: httpx.Response) -> Any:
    content = answer.json()
    for prediction in content["predictions"]:
        del prediction["id"]
    return content


def scores_of(content: Any) -> list[float]:
    """Take the scores out of an answer: rows and frames are scored with another order of additions."""
    return [prediction.pop("score") for prediction in content["predictions"]]


def chunked(served: Served, path: str, content: bytes) -> bytes:
    """A request whose body comes in chunks, which goes the thorough way to the application."""
    return served.head(path, "Transfer-Encoding: chunked") + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("names", [(), ("model",), ("subject",), ("subject", "model")])
def test_both_ways_give_the_same_answer_and_write_it_down(
    served: Served, rows: Rows, path: str, count: int, names: tuple[str, ...]
) -> None:
    model = served.application.shelf.slots[0].served().name
    beside = {name: {"model": model, "subject": "case 7"}[name] for name in names}
    at_once, thorough = (
        exchanged(served, served.whole(path, body(rows[:count], **beside))),
        # The decoder of the plain case knows no `version`.
        exchanged(served, chunked(served, path, body(rows[:count], **beside, version=None))),
    )
    assert [at_once[0].status_code, thorough[0].status_code] == [200, 200]
    told, told_thoroughly = without_names(at_once[0]), without_names(thorough[0])
    assert scores_of(told) == pytest.approx(scores_of(told_thoroughly), rel=1e-12)
    assert told == told_thoroughly
    headers = [{*answer[0].headers} - CHANGING for answer in (at_once, thorough)]
    assert headers[0] == headers[1]
    for name in headers[0] - {"content-length"}:
        assert at_once[0].headers.get_list(name) == thorough[0].headers.get_list(name)
    assert len(served.log.answers) == 2
    assert len({entry.subject for entry in served.log.answers}) == 1
    served.settle()
    assert served.counted()["POST", path, 200] == 2


@pytest.mark.parametrize("path", PATHS)
def test_a_model_that_is_not_served_is_404_both_ways(served: Served, rows: Rows, path: str) -> None:
    at_once = exchanged(served, served.whole(path, body(rows[:1], model="another")))[0]
    thorough = exchanged(served, chunked(served, path, body(rows[:1], model="another", version=None)))[0]
    assert [at_once.status_code, thorough.status_code] == [404, 404]
    assert at_once.json() == thorough.json()
    assert served.log.answers == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("content", [b" ", b"{", b"[]", b'{"instances": []}', b'{"instances": [{"age": 1}]}'])
def test_what_does_not_fit_is_refused_in_the_same_words(served: Served, path: str, content: bytes) -> None:
    at_once, thorough = (
        exchanged(served, request)[0] for request in (served.whole(path, content), chunked(served, path, content))
    )
    assert at_once.status_code == thorough.status_code >= 400
    assert at_once.json() == thorough.json()
    served.settle()
    assert served.counted()["POST", path, at_once.status_code] == 2


def test_a_request_is_admitted_once_whichever_way_it_goes(served: Served, rows: Rows) -> None:
    """Rows that do not fit, or more of them than are explained at once, go the thorough way with the token taken."""
    served.key = served.texts["few"]
    asked = [
        served.whole("/v1/explain", body(rows[:3])),
        served.whole("/v1/predict", b"{}"),
        served.whole("/v1/explain", body(rows[:1])),
        served.whole("/v1/predict", body(rows[:1])),
        served.whole("/v1/predict", body(rows[:1])),
    ]
    assert [exchanged(served, one)[0].status_code for one in asked] == [200, 422, 200, 200, 429]


@pytest.mark.parametrize("path", PATHS)
def test_without_a_valid_key_nothing_is_answered(served: Served, rows: Rows, path: str) -> None:
    served.key = "fm_wrong"
    refused = exchanged(served, served.whole(path, body(rows[:1])))[0]
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert served.log.answers == []


def test_requests_that_arrive_together_are_answered_in_their_order(served: Served, rows: Rows) -> None:
    requests = [
        served.whole(path, body(rows[:count]), f"X-Request-ID: {number}")
        for number, (path, count) in enumerate([(PATHS[0], 1), (PATHS[1], 3), (PATHS[0], 2), (PATHS[1], 1)])
    ]
    answers = exchanged(served, b"".join(requests), answers=4)
    assert [answer.headers["x-request-id"] for answer in answers] == ["0", "1", "2", "3"]
    assert [len(answer.json()["predictions"]) for answer in answers] == [1, 3, 2, 1]


def test_a_request_in_pieces_on_a_kept_connection_is_answered(served: Served, rows: Rows) -> None:
    content = served.whole(PATHS[0], body(rows[:1]))
    pieces = [content[start : start + 40] for start in range(0, len(content), 40)]
    answers = exchanged(served, content, *pieces, content, answers=3)
    assert [answer.status_code for answer in answers] == [200, 200, 200]


def test_a_body_behind_its_head_is_answered_where_it_is_read_unless_it_is_late(
    served: Served, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many clients write both one after the other. A late one is the application's, which is told apart here."""
    served_by = Counter[str]()
    thorough = ExplainedAnswers.answer

    def noted(*given: Any) -> bytes:
        served_by["application"] += 1
        return thorough(*given)

    monkeypatch.setattr(ExplainedAnswers, "answer", noted)
    handed_on, go_on = threading.Event(), AtOnceProtocol._go_on

    def telling(*given: Any) -> None:
        go_on(*given)
        handed_on.set()

    monkeypatch.setattr(AtOnceProtocol, "_go_on", telling)
    content = body(rows[:1])
    head = served.whole(PATHS[1], content).removesuffix(content)
    with served.connected() as connection:
        for is_late, by in ((False, 0), (False, 0), (True, 1), (False, 1)):
            with monkeypatch.context() as patience:
                if not is_late:  # however long this machine takes between the two
                    patience.setattr(at_once_http, "HELD_SECONDS", PATIENCE_SECONDS)
                connection.sendall(head + content[:10])
                assert not is_late or handed_on.wait(PATIENCE_SECONDS)
                connection.sendall(content[10:])
                assert whole_answer(connection).startswith(b"HTTP/1.1 200")
            assert handed_on.is_set() == (by > 0)
            assert served_by["application"] == by


def test_a_long_body_in_pieces_goes_to_the_application(served: Served, rows: Rows) -> None:
    content = body(rows[:3] * 500)
    assert len(content) > LONGEST_BODY
    whole = served.whole(PATHS[0], content)
    pieces = [whole[start : start + 9000] for start in range(0, len(whole), 9000)]
    assert [answer.status_code for answer in exchanged(served, *pieces, whole, answers=2)] == [200, 200]


@pytest.mark.parametrize("line", ["Connection: close", "Expect: 100-continue"])
def test_headers_that_change_how_a_connection_goes_on_are_obeyed(served: Served, rows: Rows, line: str) -> None:
    with served.connected() as connection:
        connection.sendall(served.whole(PATHS[0], body(rows[:1]), line))
        if line == "Connection: close":
            answered = read_all(connection)
            assert b"connection: close" in answered.lower()
        else:
            answered = b""
            while len(answered) < len(CONTINUE):
                piece = connection.recv(len(CONTINUE) - len(answered))
                assert piece
                answered += piece
            assert answered == CONTINUE
            answered = whole_answer(connection)
        assert answered.startswith(b"HTTP/1.1 200")


def test_a_failure_is_a_500_that_tells_nothing(served: Served, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Desk, "answer_row", fail)
    for path in PATHS:
        failed = exchanged(served, served.whole(path, body(rows[:1])))[0]
        assert failed.status_code == 500
        assert "secret" not in failed.text
        assert "ZeroDivision" not in failed.text
