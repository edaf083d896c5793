"""Connections that hold nothing open and fill nothing, over a real server."""

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from apps.backend.operation.serving import KEEP_ALIVE_SECONDS
from apps.backend.protection.http_connections import MOST_HEAD_BYTES, BoundedH11Protocol
from apps.backend.tests.product import NO_CERTIFICATES, PATIENCE_SECONDS, Product, running_backend, small_settings
from apps.backend.tests.protection.routes_for_tests import Latch, add_to
from apps.backend.tests.protection.steering import later, standing_still
from tests.raw_http import asked, connected, read_all, whole_answer

SHORT, LONG = 0.4, 30.0
"""Of the server; an idle connection is kept longer than that."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A backend that is patient; a test of its patience makes that short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BoundedH11Protocol, "head_seconds", LONG)
        patch.setattr(BoundedH11Protocol, "rest_seconds", LONG)
        settings = small_settings(tmp_path_factory.mktemp("connections"))
        with running_backend(settings, extend=lambda app: add_to(app, Latch())) as running:
            yield running


def client_of(server: Product) -> httpx.Client:
    return httpx.Client(base_url=server.address, timeout=PATIENCE_SECONDS, verify=NO_CERTIFICATES)


def refused(answer: bytes) -> tuple[int, str, dict[str, str]]:
    """Status, code and headers of a raw answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert headers["content-type"] == "application/problem+json"
    problem = json.loads(body)
    assert problem["request_id"] == headers["x-request-id"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["connection"] == "close"
    assert problem["status"] == int(first.split()[1])
    return problem["status"], problem["code"], headers


def test_what_is_no_http_is_refused_as_a_problem(server: Product) -> None:
    assert refused(asked(server.address, b"\x16\x03\x01 hello\r\n\r\n"))[:2] == (400, "no_http")


def test_both_lengths_of_a_body_are_refused(server: Product) -> None:
    request = (
        b"POST /test/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET"
    )
    answer = asked(server.address, request + b" / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 4")
    assert answer.count(b"HTTP/1.1 ") == 1, "what is behind an ambiguous body is no second request"


def test_a_large_head_in_pieces_is_refused(server: Product) -> None:
    request = b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: " + b"a" * (MOST_HEAD_BYTES + 1)
    assert refused(asked(server.address, request))[:2] == (431, "head_too_large")


def test_a_large_head_in_one_piece_is_refused(server: Product) -> None:
    with client_of(server) as client:
        answer = client.get("/healthz", headers={"x-long": "a" * MOST_HEAD_BYTES})
        usual = client.get("/healthz", headers={"x-long": "a" * (MOST_HEAD_BYTES - 1000)})
    assert (answer.status_code, answer.json()["code"]) == (431, "head_too_large")
    assert usual.status_code == 200


def test_a_slow_head_is_refused_in_its_time(server: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedH11Protocol, "head_seconds", SHORT)
    with standing_still(server):
        connection = connected(server.address)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: ")
    with connection:
        assert refused(read_all(connection))[:2] == (408, "slow_head")


def test_a_connection_that_asks_nothing_is_closed_without_a_word(
    server: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedH11Protocol, "head_seconds", SHORT)
    with connected(server.address) as connection:
        assert read_all(connection) == b""


def test_a_slow_second_head_is_refused_too(server: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedH11Protocol, "head_seconds", SHORT)
    with standing_still(server):
        connection = connected(server.address)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /hea")
    with connection:
        answer = read_all(connection)
    first, _, second = answer.partition(b'{"status":"alive"}')
    assert first.startswith(b"HTTP/1.1 200")
    assert refused(second)[:2] == (408, "slow_head")


def test_an_idle_connection_outlives_the_time_of_a_head(server: Product) -> None:
    with connected(server.address) as connection:
        for seconds in (0, LONG + 1):
            later(server, seconds)
            connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            assert whole_answer(connection).endswith(b'{"status":"alive"}')


def test_requests_in_a_row_are_answered_in_a_row(server: Product) -> None:
    one = b"GET /test/query?number=%d HTTP/1.1\r\nhost: x\r\n%s\r\n"
    answer = asked(server.address, b"".join(one % (n, b"connection: close\r\n" if n == 3 else b"") for n in (1, 2, 3)))
    assert [part.rpartition(b"\r\n\r\n")[2][:1] for part in answer.split(b"HTTP/1.1 200")[1:]] == [b"1", b"2", b"3"]


def test_the_rest_of_a_refused_body_has_a_time(server: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedH11Protocol, "rest_seconds", SHORT)
    with connected(server.address, KEEP_ALIVE_SECONDS / 2) as connection:
        connection.sendall(b"POST /test/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n")
        assert whole_answer(connection).startswith(b"HTTP/1.1 413")
        assert read_all(connection) == b"", "closed, and long before an idle connection is"


def test_a_client_that_sends_on_still_reads_its_refusal(server: Product) -> None:
    body = b"[" + b"1," * (4 << 20)
    with client_of(server) as client:
        answer = client.post("/test/echo", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_websocket_is_refused(server: Product) -> None:
    request = (
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, close\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    answer = asked(server.address, request)
    assert not answer.startswith(b"HTTP/1.1 101")


def test_more_connections_than_may_be_are_told_so(server: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedH11Protocol, "most_connections", 3)
    opened: list[socket.socket] = []
    try:
        opened += (connected(server.address) for _ in range(5))
        assert refused(read_all(opened[-1]))[:2] == (503, "busy")
    finally:
        for connection in opened:
            connection.close()
