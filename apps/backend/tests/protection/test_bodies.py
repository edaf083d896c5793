"""Bodies: bounded in size and time, storable, and of files only from callers who are known."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from apps.backend.protection import bodies
from apps.backend.protection.bodies import FORM_BYTES, MOST_JSON_BYTES, BodyBounds
from apps.backend.tests.product import Product, running_backend, small_settings
from apps.backend.tests.protection.routes_for_tests import Latch, add_to
from apps.backend.tests.protection.steering import later, noted
from tests.raw_http import CONTINUE, asked, connected, read_all

UPLOAD_BYTES = 3 << 20
SHORT, LONG = 0.5, 30.0
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A backend whose uploads are small; a test of its patience makes that short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BodyBounds, "body_seconds", LONG)
        settings = small_settings(tmp_path_factory.mktemp("bodies"), upload_bytes=UPLOAD_BYTES)
        with running_backend(settings, extend=lambda app: add_to(app, Latch())) as running:
            yield running


@pytest.fixture(scope="module")
def client(server: Product) -> httpx.Client:
    return server.organisation("files").client("analyst")


def pieces(size: int, piece: int = 65_536) -> Iterator[bytes]:
    for start in range(0, size, piece):
        yield b" " * min(piece, size - start)


def seen(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x+json", "text/plain", "multipart/form-data"]
)
def test_a_body_of_no_file_is_bounded_whatever_it_calls_itself(client: httpx.Client, content_type: str) -> None:
    headers = {"content-type": content_type}
    fits = client.post("/test/any", content=b" " * MOST_JSON_BYTES, headers=headers)
    assert fits.json() == {"bytes": MOST_JSON_BYTES}
    assert seen(client.post("/test/any", content=b" " * (MOST_JSON_BYTES + 1), headers=headers)) == (413, "too_large")
    counted = client.post("/test/any", content=pieces(MOST_JSON_BYTES + 1), headers=headers)
    assert seen(counted) == (413, "too_large")
    assert client.post("/test/any", content=pieces(MOST_JSON_BYTES), headers=headers).json()["bytes"] == MOST_JSON_BYTES


def test_a_file_may_be_larger_up_to_the_setting(client: httpx.Client) -> None:
    headers, most = {"content-type": "text/csv"}, UPLOAD_BYTES + FORM_BYTES
    assert client.post("/test/files/a", content=pieces(most), headers=headers).json() == {"bytes": most}
    assert seen(client.post("/test/files/a", content=b" " * (most + 1), headers=headers)) == (413, "too_large")
    assert seen(client.post("/test/files/a", content=pieces(most + 1), headers=headers)) == (413, "too_large")


def test_json_where_a_file_is_taken_is_bounded_as_json(client: httpx.Client) -> None:
    assert seen(client.post("/test/files/a", content=b" " * (MOST_JSON_BYTES + 1), headers=JSON)) == (413, "too_large")


def test_a_stranger_may_not_begin_to_send_a_file(server: Product) -> None:
    request = b"POST /test/files/a HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\ncontent-length: 1000\r\n\r\n"
    with connected(server.address) as connection:
        connection.sendall(request)
        assert connection.recv(65536).startswith(b"HTTP/1.1 401")


def test_a_client_that_asks_first_is_told_before_it_sends(server: Product) -> None:
    request = b"POST /test/any HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 99999999\r\n\r\n"
    with connected(server.address) as connection:
        connection.sendall(request)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_slow_body_is_refused_in_its_time(server: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BodyBounds, "body_seconds", SHORT)
    request = b"POST /test/any HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10\r\n\r\n{"
    assert b'"code":"slow_body"' in asked(server.address, request)


def test_a_file_that_stands_still_is_refused_in_its_time(
    server: Product, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BodyBounds, "body_seconds", SHORT)
    secret = client.headers["authorization"].encode()
    head = b"POST /test/files/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: " + secret
    request = head + b"\r\ncontent-type: text/csv\r\ncontent-length: 1000\r\n\r\nrow"
    answer = asked(server.address, request)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"slow_body"' in answer


def test_a_file_that_trickles_is_refused_in_its_time(
    server: Product, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BodyBounds, "upload_seconds", 3 * LONG)
    secret = client.headers["authorization"].encode()
    head = b"POST /test/files/a HTTP/1.1\r\nhost: x\r\nauthorization: " + secret
    with connected(server.address) as connection:
        began = server.loop.time()
        connection.sendall(head + b"\r\ncontent-type: text/csv\r\nexpect: 100-continue\r\ncontent-length: 1000\r\n\r\n")
        assert connection.recv(65536) == CONTINUE
        connection.settimeout(0.02)
        answer, sent = b"", 0
        while not answer and sent < 100:
            connection.sendall(b"row\n")
            sent += 1
            later(server, LONG / 6)
            with suppress(TimeoutError):
                answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 408")
    assert server.loop.time() - began >= 3 * LONG, "a piece now and then is no pause"


def test_only_so_many_files_are_received_at_once(
    server: Product, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MOST_UPLOADS", 1)
    secret = client.headers["authorization"].encode()
    head = b"POST /test/files/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: " + secret
    request = head + b"\r\ncontent-type: text/csv\r\nexpect: 100-continue\r\ncontent-length: 8\r\n\r\n"
    with connected(server.address) as connection:
        connection.sendall(request)
        assert connection.recv(65536) == CONTINUE, "the file is being received from here on"
        busy = client.post("/test/files/b", content=b"row", headers={"content-type": "text/csv"})
        connection.sendall(b"12345678")
        assert b'{"bytes":8}' in read_all(connection)
    assert seen(busy) == (503, "busy")
    assert busy.headers["retry-after"] == "5"
    assert client.post("/test/files/b", content=b"row", headers={"content-type": "text/csv"}).status_code == 200


def test_a_client_that_goes_away_in_the_middle_is_no_failure(
    server: Product, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for = noted(monkeypatch)
    with connected(server.address) as connection:
        head = b"POST /test/echo HTTP/1.1\r\nhost: x\r\nx-request-id: gone-1\r\ncontent-length: 10"
        connection.sendall(head + b"\r\n\r\n{")
    wait_for("gone-1")
    assert server.get("/healthz").status_code == 200
    logged = capsys.readouterr().out
    assert "status=499" in logged
    assert "failure" not in logged


@pytest.mark.parametrize(
    "body",
    [
        b'{"free": {"a": NaN}}',
        b'{"free": {"a": [1, -Infinity]}}',
        b'{"free": {"a": 1e999}}',
        b'{"free": {"a": ' + b"1" * 400 + b"}}",
        b'{"free": {"a": "x\\u0000y"}}',
        b'{"free": {"x\\u0000y": 1}}',
        b'{"free": {"a": "\\ud800"}}',
        b'{"free": {"a": "\xed\xa0\x80"}}',
        '{"free": {"a": NaN}}'.encode("utf-16"),
        b'{"free": {"a": ' + b"[" * 400 + b'"\\u0000"' + b"]" * 400 + b"}}",
    ],
)
def test_what_no_database_keeps_is_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/test/echo", content=body, headers=JSON)
    assert seen(answer) == (422, "unstorable_json")


@pytest.mark.parametrize("value", ["NaN", "Infinity, she said", "\U0001f600", "1e999", "\\u0000", "9" * 400, "ünï"])
def test_texts_that_only_look_so_pass(client: httpx.Client, value: str) -> None:
    sent: dict[str, Any] = {"free": {"a": value, "b": 1.5e300}}
    assert client.post("/test/echo", json=sent).json()["free"] == sent["free"]


@pytest.mark.parametrize("body", [b"{", b'{"free": NaN', b"\xff\xfe", b"[" * 100_000, b'{"a": "\x00"}'])
def test_what_is_no_json_is_refused_as_such(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/test/echo", content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
