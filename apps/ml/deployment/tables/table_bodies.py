"""From a body that holds a table to the typed frame of a version's columns."""

from collections.abc import Callable, Sequence
from http import HTTPStatus

import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.tables.arrow_bodies import frame_of_arrow, frame_of_parquet
from apps.ml.deployment.tables.csv_rows import frame_of_csv

Reader = Callable[[bytes, Sequence[ColumnSchema], Limits], pd.DataFrame]

CSV_TYPE = "text/csv"
PARQUET_TYPE = "application/vnd.apache.parquet"
READERS: dict[str, Reader] = {
    CSV_TYPE: frame_of_csv,
    PARQUET_TYPE: frame_of_parquet,
    "application/x-parquet": frame_of_parquet,
    "application/vnd.apache.arrow.stream": lambda body, columns, limits: frame_of_arrow(body, False, columns, limits),
    "application/vnd.apache.arrow.file": lambda body, columns, limits: frame_of_arrow(body, True, columns, limits),
}
"""What reads which content type."""

CHARSETS = {"utf-8", "us-ascii"}


def is_table(content_type: str) -> bool:
    """Tell whether a header Content-Type names a table that is read here."""
    return _media_type(content_type) in READERS


def frame_of_body(
    content_type: str, body: bytes, columns: Sequence[ColumnSchema], limits: Limits, taken: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the typed frame, in dtypes and order that of `features.request_frame.frame_from_records`.

    Parameters
    ----------
    content_type
        The header Content-Type, with its parameters.
    taken
        The content types that a protocol takes; none: all of :data:`READERS`.

    Raises
    ------
    RefusalError
        400 unreadable, 413 too many rows or too large once decompressed, 415 another content type or no UTF-8, 422 no
        rows.
    RequestError
        Columns or values do not fit the signature; `findings` lists all by column.
    """
    media_type = _media_type(content_type)
    known = tuple(taken) or tuple(READERS)
    if media_type not in known:
        message = f"The content type is not one of {', '.join(known)}. Name it in the header Content-Type."
        raise RefusalError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content_type", message)
    _require_known_parameters(content_type)
    return READERS[media_type](body, columns, limits)


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _require_known_parameters(content_type: str) -> None:
    """Refuse what would read otherwise than written: another charset, a CSV without a header."""
    for parameter in content_type.lower().split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        value = value.strip().strip('"')
        fits = (name == "charset" and value in CHARSETS) or (name == "header" and value == "present")
        if name.strip() in ("charset", "header") and not fits:
            message = "The content type names another charset than UTF-8, or no header. Send UTF-8, CSV with a header."
            raise RefusalError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content_type", message)
