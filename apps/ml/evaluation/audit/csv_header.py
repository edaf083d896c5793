"""The header of a CSV file: names of the columns, the separator, and whether the file is text at all."""

import contextlib
import csv
import gzip
import io
from pathlib import Path
from typing import Any

from apps.ml.errors import DataError
from apps.ml.evaluation.audit.options import AuditOptions

SEPARATORS = (",", ";", "\t", "|")
START_BYTES = 4096
NOT_DECODED = "\ufffd"


class WatchedFile(io.RawIOBase):
    """A binary file that counts the quotation marks and the bytes that were read of it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._raw = path.open("rb")
        self._content: Any = gzip.GzipFile(fileobj=self._raw) if path.suffix == ".gz" else self._raw
        self._size = max(path.stat().st_size, 1)
        self.quotes = 0

    def readable(self) -> bool:
        """Whether bytes can be read: always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return the number of bytes."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes."""
        content: bytes = self._content.read(size)
        self.quotes += content.count(b'"')
        return content

    @property
    def done(self) -> float:
        """Share of the file that was read."""
        return min(self._raw.tell() / self._size, 1.0)

    def close(self) -> None:
        """Close the file."""
        self._content.close()
        self._raw.close()
        super().close()


def read_header(options: AuditOptions) -> tuple[list[str], str]:
    """Return the column names and the separator: the one that was named, else the one that yields most of the needed
    columns, then most columns.

    Raises
    ------
    DataError
        The file is empty or ends with its header, or is not text in the encoding.
    """
    text = _first_record(options)
    if NOT_DECODED in text:
        raise wrong_encoding(options, "")
    needed = {*options.text_columns, *options.number_columns}
    separators = (options.separator,) if options.separator else SEPARATORS
    headers = {
        separator: [name.strip() for name in next(csv.reader([text], delimiter=separator), [])]
        for separator in separators
    }
    best = max(separators, key=lambda separator: (len(needed & set(headers[separator])), len(headers[separator])))
    return headers[best], best


def wrong_encoding(options: AuditOptions, where: str) -> DataError:
    """Return the error that says that the file is not text in its encoding; `where` is empty or names the line."""
    return DataError(
        f"{options.path}{where} is not text in the encoding '{options.encoding}'. Name the right one with --encoding, "
        "for instance latin-1 or utf-16, or save the file as UTF-8."
    )


def _first_record(options: AuditOptions) -> str:
    """Return the first record that is not blank; it may hold line breaks within quotation marks."""
    encoding = "utf-8-sig" if options.encoding.lower() in ("utf-8", "utf8") else options.encoding
    try:
        _require_text(options.path, options.encoding)
        with contextlib.closing(WatchedFile(options.path)) as file:
            stream = io.TextIOWrapper(io.BufferedReader(file), encoding=encoding, errors="replace", newline="")
            text = ""
            for line in stream:
                text += line
                if text.strip() and text.count('"') % 2 == 0:
                    break
            if not stream.read(1):
                raise DataError(f"{options.path} has column names and no rows. Provide the whole table.")
            return text.strip("\r\n")
    except UnicodeError:
        raise wrong_encoding(options, "") from None
    except LookupError:
        raise DataError(
            f"{options.path}: '{options.encoding}' is not the name of an encoding. Give for instance utf-8 or latin-1."
        ) from None
    except (EOFError, gzip.BadGzipFile):
        raise DataError(f"{options.path} is not a whole gzip file. Fetch it again.") from None


def _require_text(path: Path, encoding: str) -> None:
    with contextlib.closing(WatchedFile(path)) as file:
        start = file.read(START_BYTES)
    if not start.strip():
        raise DataError(f"{path} is empty; expected a table. Provide the whole file.")
    if b"\0" in start and not encoding.lower().startswith(("utf-16", "utf-32")):
        raise DataError(
            f"{path} holds zero bytes, so it is not text in the encoding '{encoding}'. Give the right one with "
            "--encoding (utf-16?), or save the file as UTF-8."
        )
