"""What is hardly HTTP: lengths that lie, chunks that break off, heads that are none. The server answers or hangs up."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.tests.code.deployment.conftest import COLUMNS
from apps.ml.tests.code.deployment.server_contract.conftest import serving_models
from apps.ml.tests.code.deployment.server_contract.malformed import MARKS
from apps.ml.tests.code.deployment.server_contract.sound_requests import ROWS
from apps.ml.tests.code.deployment.server_contract.written_rows import instances, json_body

BODY = json_body({"instances": instances(ROWS[:1], COLUMNS)}).content
SIZE = len(BODY)
PATIENCE_SECONDS = 120.0
PATHS = ("/v1/predict", "/v2/models/toy_loans/infer")


def post(*headers: str, body: bytes = BODY, first: str = "POST {path} HTTP/1.1") -> bytes:
    """Return a request as bytes; a line `Host` and the content type stand in it already."""
    lines = [first, "Host: localhost", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(body: bytes, *headers: str) -> bytes:
    """Return a request whose body is said to come in chunks."""
    return post("Transfer-Encoding: chunked", *headers, body=body)


LENGTH = f"Content-Length: {SIZE}"
WIRE: dict[str, bytes] = {
    "more is announced than comes": post(f"Content-Length: {SIZE + 50}"),
    "less is announced than comes": post(f"Content-Length: {SIZE - 9}"),
    "nothing is announced": post(),
    "a length of zero": post("Content-Length: 0"),
    "a negative length": post(f"Content-Length: -{SIZE}"),
    "a length with a sign": post(f"Content-Length: +{SIZE}"),
    "a length in hexadecimal": post(f"Content-Length: 0x{SIZE:x}"),
    "a length of letters": post("Content-Length: many"),
    "a length beyond all integers": post("Content-Length: " + "9" * 40),
    "the largest length": post(f"Content-Length: {2**64 - 1}"),
    "two lengths": post(LENGTH, f"Content-Length: {SIZE - 1}"),
    "a length and chunks": chunked(f"{SIZE:x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n", LENGTH),
    "a chunk without end": chunked(f"{SIZE:x}\r\n".encode() + BODY),
    "a chunk that is shorter than it says": chunked(b"fff\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk of no size": chunked(b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk of negative size": chunked(b"-5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk of endless size": chunked(b"f" * 40 + b"\r\n" + BODY),
    "chunks of one byte": chunked(b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"),
    "an unknown coding": post("Transfer-Encoding: gzip, snappy", LENGTH),
    "no line of a request": b"\x00\x01\x02\xff" * 30,
    "a body before its head": BODY + post(LENGTH),
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + BODY,
    "no version": post(LENGTH, first="POST {path}"),
    "a version that is none": post(LENGTH, first="POST {path} HTTP/9.9"),
    "a method that is none": post(LENGTH, first="ZEBRA {path} HTTP/1.1"),
    "a space in the path": post(LENGTH, first="POST {path} x HTTP/1.1"),
    "bytes beyond ASCII in the path": post(LENGTH, first="POST {path}\xff\xfe HTTP/1.1"),
    "a NUL in the path": post(LENGTH, first="POST {path}%00 HTTP/1.1"),
    "a path that climbs": post(LENGTH, first="POST {path}/../../../etc/passwd HTTP/1.1"),
    "a whole address for a path": post(LENGTH, first="POST http://localhost{path} HTTP/1.1"),
    "a star for a path": post(LENGTH, first="OPTIONS * HTTP/1.1"),
    "a NUL in a header": post(LENGTH, "X-Odd: a\x00b"),
    "a header without a colon": post(LENGTH, "Odd"),
    "a header that goes on in the next line": post(LENGTH, "X-Odd: a\r\n b"),
    "a header without a name": post(LENGTH, ": a"),
    "a head that is too large": post(LENGTH, "X-Odd: " + "a" * 70_000),
    "very many headers": post(LENGTH, *(f"X-{number}: a" for number in range(3_000))),
    "an expectation": post(LENGTH, "Expect: 100-continue"),
    "an expectation that is none": post(LENGTH, "Expect: a lot"),
    "an upgrade": post(LENGTH, "Connection: Upgrade", "Upgrade: websocket"),
    "an id that breaks out of its header": post(LENGTH, "X-Request-ID: a\x0bSet-Cookie: b"),
    "two requests in one": post(LENGTH) + post(LENGTH),
    "a head that breaks off": post(LENGTH)[:60],
}


@pytest.fixture(scope="module")
def client(bundle_folder: Path) -> Iterator[httpx.Client]:
    """A client of a server with the connections that the command gives it."""
    with serving_models([FolderSource(bundle_folder).load()]) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
def test_what_is_hardly_http_is_answered_or_hung_up_on(path: str, client: httpx.Client) -> None:
    for name, request in WIRE.items():
        for answer in answers(client, request.replace(b"{path}", path.encode())):
            status = int(answer.split(b" ", 2)[1])
            assert 100 <= status < 500, (name, answer)
            assert not [mark for mark in MARKS if mark.encode() in answer], (name, answer)
        sound = client.post("/v1/predict", content=BODY, headers={"Content-Type": "application/json"})
        assert sound.status_code == 200, name


def test_lengths_that_lie_are_not_answered_as_if_they_were_true(client: httpx.Client) -> None:
    told = {"less is announced than comes", "two lengths", "a length and chunks", "a negative length"}
    for name in told:
        found = answers(client, WIRE[name].replace(b"{path}", b"/v1/predict"))
        assert not [answer for answer in found if answer.startswith(b"HTTP/1.1 200")], (name, found)


def answers(client: httpx.Client, request: bytes) -> list[bytes]:
    """Send bytes, say that no more will come, and return the answers until the server hangs up."""
    address = (client.base_url.host, client.base_url.port or 80)
    received = b""
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65_536):
                received += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
    return [b"HTTP/1.1" + part for part in received.split(b"HTTP/1.1")[1:]]
