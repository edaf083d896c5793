"""Requests that no usual client sends: ambiguous heads, bodies that do not come, a thousand connections."""

import json
import re
import resource
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from apps.backend.protection.bodies import BodyBounds
from apps.backend.protection.http_connections import BoundedH11Protocol
from apps.backend.tests.contract.conftest import Place, everything
from apps.backend.tests.contract.one_of_everything import API
from apps.backend.tests.contract.surroundings import Whole, running_whole
from apps.backend.tests.decisions.model_server import APPLICATION
from apps.backend.tests.product import PATIENCE_SECONDS
from apps.backend.tests.protection.steering import later
from tests.raw_http import CONTINUE, asked, connected, read_all

SHORT, LONG = 0.5, 60.0
CONNECTIONS, MOST_CONNECTIONS = 1000, 200
SPARE_FILES = 500
ASKED = json.dumps({"model": "pensions", "application": APPLICATION}).encode()


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A backend of its own, that is patient: what a test sends late is not for that reason refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BodyBounds, "body_seconds", LONG)
        patch.setattr(BoundedH11Protocol, "head_seconds", LONG)
        patch.setattr(BoundedH11Protocol, "rest_seconds", LONG)
        with running_whole(tmp_path_factory.mktemp("bounded"), requests_in_flight=100) as running:
            yield Place(running, everything(running))


def head(place: Place, *lines: str, path: str = "/decisions", method: str = "POST") -> bytes:
    """Return the first lines of a request of an analyst, and these."""
    secret = place.has.organisation.secrets["analyst"]
    usual = (f"{method} {API}{path} HTTP/1.1", "host: x", f"authorization: Bearer {secret}")
    return "\r\n".join((*usual, *lines, "", "")).encode("latin-1")


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def made(whole: Whole) -> int:
    return len(whole.services.model_server.bodies("/v1/explain"))


JSON, LENGTH = "content-type: application/json", f"content-length: {len(ASKED)}"
SMUGGLED = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        ("content-length: 5", "transfer-encoding: chunked"),
        ("transfer-encoding: chunked", "content-length: 5"),
        ("transfer-encoding: xchunked",),
        ("transfer-encoding: chunked, identity",),
        ("transfer-encoding: chunked", "transfer-encoding: identity"),
        ("transfer-encoding : chunked",),
        ("transfer-encoding:\x0bchunked", "content-length: 5"),
        ("content-length: 5", "content-length: 6"),
        ("content-length: 5, 6",),
        ("content-length: +5",),
        ("content-length: 0x5",),
        ("content-length: -1",),
        ("content-length: 5 5",),
        ("content-length: " + "9" * 30,),
        ("content-length : 5",),
        ("x: a\r\n content-length: 5", "content-length: 6", "content-length: 7"),
        ("no colon at all",),
        ("x: a\x00b",),
        ("x\x00: a",),
        (": empty name",),
    ],
    ids=repr,
)
def test_a_head_with_two_meanings_is_no_request(bounded: Place, lines: tuple[str, ...]) -> None:
    before = made(bounded.whole)
    answer = asked(bounded.whole.product.address, head(bounded, JSON, *lines) + SMUGGLED)
    assert len(statuses(answer)) == 1, "what is behind an ambiguous body is no second request"
    assert statuses(answer)[0] in (400, 413, 501), answer
    assert b"application/problem+json" in answer
    assert made(bounded.whole) == before


CHUNKS = (b"-1\r\n", b"0x5\r\n", b"F" * 30 + b"\r\n", b"5;" + b"a" * 70_000, b"zz\r\n", b"\r\n\r\n")


@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: repr(chunk[:10]))
def test_a_chunk_that_is_none_ends_the_connection(
    bounded: Place, chunk: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, name in ((BodyBounds, "body_seconds"), (BoundedH11Protocol, "rest_seconds")):
        monkeypatch.setattr(kind, name, SHORT)  # of the one that is no chunk, but a long head of an endless one
    request = head(bounded, JSON, "transfer-encoding: chunked") + chunk + b"abcde\r\n0\r\n\r\n"
    answer = asked(bounded.whole.product.address, request)
    assert len(statuses(answer)) <= 1
    assert all(400 <= status < 500 for status in statuses(answer)), answer


@pytest.mark.parametrize("name", ["authorization", "idempotency-key", "content-type"])
def test_a_header_that_says_who_or_what_stands_once(bounded: Place, name: str) -> None:
    value = {"content-type": "application/json", "idempotency-key": "b"}.get(name, "Bearer fmk_other")
    lines = [JSON, LENGTH, "idempotency-key: a", "connection: close", f"{name}: {value}"]
    for shown in (lines, lines[::-1]):
        answer = asked(bounded.whole.product.address, head(bounded, *shown) + ASKED)
        assert statuses(answer) == [400], answer
        assert b'"code":"repeated_header"' in answer


@pytest.mark.parametrize(
    "line",
    [
        "x-forwarded-for: 1.2.3.4", "forwarded: for=1.2.3.4", "x-original-url: /api/v1/users", "te: trailers",
        "x-http-method-override: DELETE", "x-forwarded-host: evil.example", "x-forwarded-prefix: /evil",
        "cookie: a=b; session=fms_x", "range: bytes=0-1", "x-user-id: 1", "x-role: admin", "x-organisation-id: 1",
        "expect: 200-nothing", "upgrade: h2c", "accept: " + ",".join(["a/b;q=0." + "9" * 20] * 500),
        "accept-encoding: gzip, br, zstd", "x-request-id: ../../x\u00e9", "origin: https://evil.example",
        "if-none-match: " + ", ".join(['W/"' + "a" * 64 + '"'] * 13), "x: " + "a" * 20_000,
    ],
    ids=lambda line: line[:30],
)  # fmt: skip
def test_a_header_that_means_nothing_here_changes_nothing(bounded: Place, line: str) -> None:
    address, close = bounded.whole.product.address, "connection: close"
    plain = asked(address, head(bounded, close, path="/me", method="GET"))
    answer = asked(address, head(bounded, line, close, path="/me", method="GET"))
    assert statuses(answer) == [200], answer
    assert answer.partition(b"\r\n\r\n")[2] == plain.partition(b"\r\n\r\n")[2]
    assert b"evil.example" not in answer


def test_slow_bodies_hold_up_nobody_and_are_ended(bounded: Place) -> None:
    address, files = bounded.whole.product.address, bounded.files()
    waits = ("expect: 100-continue", "connection: close")
    slow = [head(bounded, JSON, LENGTH, *waits) + ASKED[:5]] * 60
    slow += [head(bounded, "content-type: multipart/form-data; boundary=b", "content-length: 1000", *waits,
                  path="/bias-v2/upload-dataset") + b"--b\r\n"] * 8  # fmt: skip
    connections = [connected(address) for _ in slow]
    try:
        for connection, content in zip(connections, slow, strict=True):
            connection.sendall(content)
        assert [connection.recv(65536) for connection in connections] == [CONTINUE] * len(slow)
        assert bounded.analyst.post(f"{API}/decisions", json=json.loads(ASKED)).status_code == 201
        assert select.select(connections, [], [], 0)[0] == [], "all of them are still waited for"
        later(bounded.whole.product, LONG + 1)
        answers = [read_all(connection) for connection in connections]
    finally:
        for connection in connections:
            connection.close()
    assert {status for answer in answers for status in statuses(answer)} == {408}
    assert all(b'"code":"slow_body"' in answer for answer in answers)
    assert bounded.files() == files


@pytest.fixture
def enough_files() -> Iterator[None]:
    """Let this process hold both ends of a thousand connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS + SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this process may hold {hard} files; a thousand connections need {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("enough_files")
def test_a_thousand_connections_are_served_or_told_to_come_again(
    bounded: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedH11Protocol, "most_connections", MOST_CONNECTIONS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    address = bounded.whole.product.address
    connections = [connected(address) for _ in range(CONNECTIONS)]
    connections[-1].recv(1, socket.MSG_PEEK)  # told that there are too many: all before it are in or told so too
    told: list[list[int]] = []

    def ask(some: list[socket.socket]) -> None:
        for connection in some:
            with suppress(OSError):  # told before it asked
                connection.sendall(head(bounded, "connection: close", path="/me", method="GET"))
            told.append(statuses(read_all(connection)))

    threads = [threading.Thread(target=ask, args=(connections[start::10],)) for start in range(10)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
    finally:
        for connection in connections:
            connection.close()
    assert len(told) == CONNECTIONS
    served, busy = told.count([200]), told.count([503])
    assert served >= 1
    # Whoever asks after being told may find the connection reset, the words of the refusal with it.
    assert served + busy + told.count([]) == CONNECTIONS
    assert served <= MOST_CONNECTIONS + 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kilobytes"
    assert bounded.whole.product.get("/healthz").status_code == 200
