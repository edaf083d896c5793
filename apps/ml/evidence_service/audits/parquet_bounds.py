"""What a Parquet file may claim before it is read: a small one can stand for billions of rows.

The claims are those of the footer and of the page headers. A file that lies about them meets the bounds on memory and
time of the worker.
"""

import mmap
from collections.abc import Sequence
from pathlib import Path

from apps.ml.deployment.tables.parquet_claims import parquet_claims, unpacked_bytes
from apps.ml.errors import DataError
from apps.ml.evaluation.audit.chunks import plain_name

MOST_ROWS = 100_000_000
"""An audit of as many rows takes about a minute and with scores two and a half, measured with ten million."""

MOST_UNPACKED_BYTES = 4 * 2**30
"""Pages of the needed columns, once they are decompressed."""


def require_bounded_parquet(path: Path, needed: Sequence[str]) -> None:
    """Refuse a Parquet file that declares too many rows, or too much in the needed columns.

    Raises
    ------
    DataError
        Says which bound, and what the file declares.
    RefusalError
        The footer or a page header is damaged, or tells no size.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as body:
        claims = parquet_claims(body)
        if claims.rows > MOST_ROWS:
            raise DataError(
                f"{path} declares {claims.rows:,} rows, more than the {MOST_ROWS:,} that are read. Send fewer, or run "
                "`fairmind audit` where the file is."
            )
        names = {name for name in claims.names() if plain_name(name) in needed}
        size = unpacked_bytes(body, claims, names)
        if size > MOST_UNPACKED_BYTES:
            raise DataError(
                f"{path} declares {size:,} bytes in the needed columns once they are decompressed, more than the "
                f"{MOST_UNPACKED_BYTES:,} that are read. Send fewer rows, or run `fairmind audit` where the file is."
            )
