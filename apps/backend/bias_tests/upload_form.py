"""Reading an uploaded file from a multipart form while it arrives: to the disk, in pieces, up to a limit.

Nothing of the file is kept in memory but the piece at hand, and nothing is written anywhere but to the file that the
caller opened: a framework's own parser would spool the whole form first and ask for its size afterwards. How large and
how slow a body may be altogether is `protection.bodies`' affair, which refuses by its announced length already.

References: RFC 7578 (multipart/form-data).
"""

import asyncio
import hashlib
import os
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from apps.backend.bias_tests.file_kinds import HEAD_BYTES, Kind, kind_of, may_become_a_table
from apps.backend.problems import Misfit, ProblemError

FILE_FIELD = "file"
NAME_FIELD = "name"
FIELDS = (FILE_FIELD, NAME_FIELD)
PIECE_BYTES = 1 << 20
NAME_BYTES = 4 * 200
LONGEST_NAME = 200
NO_NAME = "data set"


@dataclass(frozen=True)
class ReceivedFile:
    """A file that arrived whole. `name`: what to show to people; `sha256` as hexadecimal digits."""

    name: str
    kind: Kind
    bytes: int
    sha256: str


async def receive_file(request: Request, into: BinaryIO, most_bytes: int) -> ReceivedFile:
    """Write the form's file into an open file.

    Parameters
    ----------
    into
        An empty file, open for writing and reading.
    most_bytes
        The largest file that is taken.

    Raises
    ------
    ProblemError
        400 the form is malformed or ends too early; 413 the file is too large, as soon as that is known; 415 it is no
        form, or the file neither CSV nor Parquet; 422 a field is missing, unknown or given twice.
    """
    form = _Form(_boundary(request), _Sink(into, most_bytes))
    async for piece in request.stream():
        form.feed(piece)
        await form.sink.drain()
    return await form.end()


def too_large(most_bytes: int) -> ProblemError:
    """Return the refusal of a file of more than `most_bytes`."""
    detail = f"A file has at most {most_bytes:,} bytes. Send fewer rows, or only the columns that are tested."
    return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)


def unknown_kind() -> ProblemError:
    """Return the refusal of a file that is neither CSV nor Parquet."""
    detail = "The file is neither CSV in UTF-8 nor Parquet. Send one of them, without an archive around it."
    return ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unknown_file_kind", detail)


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        detail = f"Send the file as multipart/form-data, in the field {FILE_FIELD}."
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "no_form", detail)
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= 70:
        raise _malformed("The form's Content-Type names no boundary of 1 to 70 characters. Name it.")
    return boundary


def _malformed(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "malformed_form", detail)


def _misfit(field: str, problem: str, expected: str | None = None) -> ProblemError:
    misfit = Misfit(location=f"body.{field[:100]}", problem=problem, expected=expected)
    detail = "The form does not fit. Mend what `errors` lists."
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", detail, [misfit])


class _Sink:
    """Takes the bytes of the file and writes them away in large pieces, beside the event loop."""

    def __init__(self, into: BinaryIO, most_bytes: int) -> None:
        self._into, self._most = into, most_bytes
        self._waiting = bytearray()
        self._digest = hashlib.sha256()
        self.bytes = 0
        self.head = bytearray()

    def take(self, data: bytes) -> None:
        """Take the next bytes.

        Raises
        ------
        ProblemError
            413 they are more than may come; 415 the file is of another kind.
        """
        self.bytes += len(data)
        if self.bytes > self._most:
            raise too_large(self._most)
        self._waiting += data
        if len(self.head) < HEAD_BYTES:
            self.head += data[: HEAD_BYTES - len(self.head)]
            if len(self.head) == HEAD_BYTES and not may_become_a_table(self.head):
                raise unknown_kind()

    async def drain(self, at_least: int = PIECE_BYTES) -> None:
        """Write what waits, where that is enough to be worth it."""
        if len(self._waiting) >= at_least:
            waiting, self._waiting = self._waiting, bytearray()
            await asyncio.to_thread(self._write, waiting)

    async def end(self) -> tuple[Kind, str]:
        """Write the rest; return what the file is and its sha256.

        Raises
        ------
        ProblemError
            415 it is neither CSV nor Parquet; 422 it is empty.
        """
        await self.drain(1)
        if not self.bytes:
            raise _misfit(FILE_FIELD, "the file is empty", "a header and rows")
        kind = kind_of(self.head, await asyncio.to_thread(self._finish))
        if kind is None:
            raise unknown_kind()
        return kind, self._digest.hexdigest()

    def _write(self, piece: bytearray) -> None:
        self._digest.update(piece)
        self._into.write(piece)

    def _finish(self) -> bytes:
        """Bring everything to the disk and return the last bytes."""
        self._into.flush()
        os.fsync(self._into.fileno())
        self._into.seek(max(0, self.bytes - 8))
        return self._into.read()


class _Form:
    """Follows the parser through the parts of a form."""

    def __init__(self, boundary: bytes, sink: _Sink) -> None:
        self.sink = sink
        self._name = bytearray()
        self._file_name = ""
        self._seen: list[str] = []
        self._header, self._value = bytearray(), bytearray()
        self._disposition = ""
        self._is_ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_content,
                "on_part_data": self._take,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        """Parse the next bytes of the body.

        Raises
        ------
        ProblemError
            The form is malformed, or holds what it should not.
        """
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            raise _malformed("The form is malformed. Send it as multipart/form-data.") from error

    async def end(self) -> ReceivedFile:
        """Return what arrived.

        Raises
        ------
        ProblemError
            The form ended too early, or a field is missing or malformed.
        """
        if not self._is_ended:
            raise _malformed("The form ended before its last boundary. Send it whole.")
        if FILE_FIELD not in self._seen:
            raise _misfit(FILE_FIELD, "the field is missing", "a CSV or Parquet file")
        name = self._given_name()
        kind, sha256 = await self.sink.end()
        return ReceivedFile(name, kind, self.sink.bytes, sha256)

    def _begin_part(self) -> None:
        self._disposition = ""

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value.decode("latin-1")
        self._header.clear()
        self._value.clear()

    def _begin_content(self) -> None:
        _, options = parse_options_header(self._disposition)
        field = options.get(b"name", b"").decode("utf-8", "replace")
        if field not in FIELDS:
            raise _misfit(shown(field) or "?", "the form has no such field", f"one of {', '.join(FIELDS)}")
        if field in self._seen:
            raise _misfit(field, "the field is given twice", "once")
        self._seen.append(field)
        if field == FILE_FIELD:
            self._file_name = options.get(b"filename", b"").decode("utf-8", "replace")

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._seen[-1] == FILE_FIELD:
            self.sink.take(data[start:end])
            return
        self._name += data[start:end]
        if len(self._name) > NAME_BYTES:
            raise _misfit(NAME_FIELD, "the name is too long", f"at most {LONGEST_NAME} characters")

    def _end(self) -> None:
        self._is_ended = True

    def _given_name(self) -> str:
        """Return the name that was given, else the last part of the file's, for people to read and for nothing else."""
        if NAME_FIELD not in self._seen:
            return shown(self._file_name.replace("\\", "/").rpartition("/")[2])[:LONGEST_NAME] or NO_NAME
        try:
            name = shown(self._name.decode("utf-8"))
        except UnicodeDecodeError:
            raise _misfit(NAME_FIELD, "the name is no text in UTF-8", "text") from None
        if not name or len(name) > LONGEST_NAME:
            raise _misfit(NAME_FIELD, "the name is empty or too long", f"1 to {LONGEST_NAME} characters")
        return name


def shown(text: str) -> str:
    """Return a text on one line, without what cannot be printed."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
