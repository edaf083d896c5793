"""From the body of a request to a file: its size and its time are bounded, and nothing of it is kept in memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import IO

from anyio import to_thread
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from apps.ml.deployment.observation.logs import LOGGER
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.requests.request_body import require_plain
from apps.ml.deployment.tables.table_bodies import CSV_TYPE, PARQUET_TYPE

CSV, PARQUET = "csv", "parquet"
KINDS = {CSV_TYPE: CSV, PARQUET_TYPE: PARQUET, "application/x-parquet": PARQUET}
PLAIN_CHARSETS = ("utf-8", "us-ascii")
PIECE_BYTES = 2**20
GZIP_START = b"\x1f\x8b"
PARQUET_START = b"PAR1"
Headers = Mapping[bytes, bytes]


def kind_of_body(headers: Headers) -> str:
    """Return `csv` or `parquet`, as the headers of a request say.

    Raises
    ------
    RefusalError
        415: another content type, a compressed body, or a charset, which the parameter `encoding` says.
    """
    require_plain(headers)
    written = headers.get(b"content-type", b"").decode("latin-1").lower()
    media_type, _, parameters = written.partition(";")
    kind = KINDS.get(media_type.strip())
    if kind is None:
        raise _unsupported(f"The content type is not one of {', '.join(KINDS)}. Name it in the header Content-Type.")
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        value = value.strip().strip('"')
        if (name.strip() == "charset" and value not in PLAIN_CHARSETS) or (name.strip(), value) == ("header", "absent"):
            message = "The content type names another charset than UTF-8, or no header. Say the encoding by `encoding`."
            raise _unsupported(message)
    return kind


def require_length(headers: Headers, most: int) -> None:
    """Refuse a body that says that it is too large (413), before any of it is read."""
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or len(length) > len(str(most)) or int(length) > most:
        raise _too_large(most)


async def receive_file(receive: Receive, path: Path, kind: str, most_bytes: int, seconds: float) -> None:
    """Write a body to `path`, which must not be there.

    Raises
    ------
    RefusalError
        413 more than `most_bytes`; 408 slower than `seconds`; 415 compressed, or not what its content type says; 422
        empty; 503 where it cannot be stored.
    ClientDisconnect
        The caller hung up.
    """
    try:
        async with asyncio.timeout(seconds):
            with path.open("xb", buffering=0) as stream:
                await _write(receive, stream, kind, most_bytes)
    except TimeoutError:
        message = f"The body did not arrive within {seconds:g} seconds. Send it in one go, or less of it."
        raise RefusalError(HTTPStatus.REQUEST_TIMEOUT, "slow_body", message) from None
    except OSError as error:
        raise no_room(error) from None


def no_room(error: OSError) -> RefusalError:
    """Return the refusal where the system does not store a body: a full disk, a quota, a limit on files."""
    LOGGER.error("a body cannot be stored", error=error.strerror)
    message = "The service has no room to store the body. Send it again later."
    return RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "no_room", message, headers={"Retry-After": "60"})


async def _write(receive: Receive, stream: IO[bytes], kind: str, most_bytes: int) -> None:
    size = 0
    async for piece in _pieces(receive):
        if not size:
            _require_kind(piece, kind)
        size += len(piece)
        if size > most_bytes:
            raise _too_large(most_bytes)
        await to_thread.run_sync(_write_all, stream, piece)
    if not size:
        message = "The body is empty. Send a table: CSV with a header, or Parquet."
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", message)


def _write_all(stream: IO[bytes], piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[stream.write(view) :]


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the body in pieces of about a mebibyte, the last one smaller."""
    piece = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        piece += message.get("body", b"")
        more = message.get("more_body", False)
        if piece and (len(piece) >= PIECE_BYTES or not more):
            yield bytes(piece)
            piece.clear()


def _require_kind(start: bytes, kind: str) -> None:
    if start.startswith(GZIP_START):
        raise _unsupported(
            "The body is compressed with gzip. Send the table as it is; Parquet is compressed in itself."
        )
    if (kind == PARQUET) != start.startswith(PARQUET_START):
        raise _unsupported("The body is not what its content type says. Name the right one in the header Content-Type.")


def _too_large(most: int) -> RefusalError:
    message = (
        f"The body is larger than {most} bytes. Send fewer rows or columns, or run `fairmind audit` where the file is."
    )
    return RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", message)


def _unsupported(message: str) -> RefusalError:
    return RefusalError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content_type", message)
