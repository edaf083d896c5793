"""Small bodies that would unpack to large tables are refused before they are unpacked."""

import io
import struct

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.tables.arrow_messages import declared
from apps.ml.deployment.tables.parquet_claims import parquet_claims, unpacked_bytes
from apps.ml.deployment.tables.table_bodies import frame_of_body
from apps.ml.tests.code.deployment.conftest import loan_rows
from apps.ml.tests.code.deployment.tables.written_tables import PARQUET, STREAM, arrow, parquet, typed

COLUMN = ColumnSchema("text", "categorical")
LIMITS = Limits(instances=1_000, body_bytes=100_000)
LONG = "a" * 1_000_000
HALF_LONG = "a" * 1_000


def read(content_type: str, body: bytes) -> None:
    assert len(body) < LIMITS.body_bytes
    frame_of_body(content_type, body, [COLUMN], LIMITS)


def one_text(repeats: int, text: str) -> pa.Table:
    """A table whose every row holds one text, stored once."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * repeats, pa.int8()), pa.array([text]))
    return pa.table({"text": column})


def views_of_one_text(repeats: int, text: str) -> pa.Table:
    """A table whose every row points at one text."""
    view = struct.pack("<i4sii", len(text), text[:4].encode(), 0, 0)
    buffers = [None, pa.py_buffer(view * repeats), pa.py_buffer(text.encode())]
    return pa.table({"text": pa.Array.from_buffers(pa.string_view(), repeats, buffers)})


BOMBS: dict[str, tuple[str, bytes]] = {
    "a compressed Parquet page": (
        PARQUET,
        parquet(pa.table({"text": [LONG]}), compression="zstd", use_dictionary=False),
    ),
    "a compressed Parquet dictionary": (PARQUET, parquet(pa.table({"text": [LONG]}), compression="gzip")),
    "a compressed Arrow buffer": (STREAM, arrow(pa.table({"text": [LONG]}), compression="zstd")),
    "a compressed Arrow dictionary": (STREAM, arrow(one_text(1, LONG), compression="lz4")),
    "a text in every row of Parquet": (PARQUET, parquet(one_text(500, HALF_LONG))),
    "a text in every row of Arrow": (STREAM, arrow(one_text(500, HALF_LONG))),
    "a view of one text in every row": (STREAM, arrow(views_of_one_text(500, HALF_LONG))),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_body_that_unpacks_to_too_much_is_refused(case: str) -> None:
    with pytest.raises(RefusalError, match="once it is decompressed") as refused:
        read(*BOMBS[case])
    assert refused.value.status == 413


def test_a_text_that_fits_once_it_is_unpacked_is_read() -> None:
    for content_type, body in ((PARQUET, parquet(one_text(50, HALF_LONG))), (STREAM, arrow(one_text(50, HALF_LONG)))):
        read(content_type, body)


def test_an_encoding_that_hides_its_size_is_refused() -> None:
    written = io.BytesIO()
    table = pa.table({"text": ["a" * length for length in range(200)]})
    pq.write_table(table, written, use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"})
    with pytest.raises(RefusalError, match="plain or dictionary encoding"):
        read(PARQUET, written.getvalue())


def test_the_size_of_pages_is_that_of_the_footer_without_their_headers() -> None:
    table = typed(loan_rows(50, seed=11)[0])
    names = set(table.column_names)
    for options in (
        {"compression": "none"},
        {"compression": "zstd", "row_group_size": 7},
        {"data_page_version": "2.0"},
    ):
        body = parquet(table, **options)
        metadata = pq.ParquetFile(io.BytesIO(body)).metadata
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        chunks = [group.column(number) for group in groups for number in range(len(names))]
        claimed = sum(chunk.total_uncompressed_size for chunk in chunks)
        pages = sum(2 if chunk.has_dictionary_page else 1 for chunk in chunks)
        found = unpacked_bytes(body, parquet_claims(body), names)
        assert 0 < found < claimed <= found + 100 * pages


def test_a_streams_declared_size_is_that_of_its_buffers() -> None:
    table = typed(loan_rows(50, seed=11)[0])
    plain, packed = (declared(pa.py_buffer(arrow(table, compression=name))) for name in (None, "zstd"))
    assert plain.rows == packed.rows == 50
    assert sum(batch.nbytes for batch in table.to_batches()) <= plain.unpacked_bytes
    assert packed.unpacked_bytes <= plain.unpacked_bytes + 8 * 100
