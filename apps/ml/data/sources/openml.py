"""Data sets of OpenML by their number: metadata, then the file it names, pinned by sha256.

References
----------
J. Vanschoren, J. van Rijn, B. Bischl, L. Torgo: OpenML: networked science in machine learning. SIGKDD Explorations
15(2), 2013.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.data.declaration import OpenMLSource, Reading
from apps.ml.data.sources.arff import parse_arff
from apps.ml.data.sources.cache import cached_file, cached_path
from apps.ml.data.sources.declared_reading import as_declared
from apps.ml.data.sources.download import download, fetch_bytes
from apps.ml.data.sources.parquet_text import read_parquet
from apps.ml.data.sources.raw_table import RawTable
from apps.ml.errors import SourceError

SERVER_VARIABLE = "OPENML_SERVER"
DEFAULT_SERVER = "https://www.openml.org"
PARQUET_START = b"PAR1"


def read(source: OpenMLSource, reading: Reading) -> RawTable:
    """Return the rows of the pinned ARFF or Parquet file; OpenML is asked only if the cache does not hold it."""
    origin = f"OpenML data set {source.data_id}"
    frame = as_declared(_rows(locate(source), origin), reading, origin)
    return RawTable(frame, np.full(len(frame), "", dtype=np.str_), source.sha256)


def locate(source: OpenMLSource) -> Path:
    """Return the pinned file of an OpenML data set, fetched if the cache does not hold it.

    Raises
    ------
    SourceError
        The metadata names no file, or none of its files has the pinned sha256.
    ServiceUnavailableError
        OpenML does not answer.
    """
    cached = cached_file(source.sha256)
    if cached is not None:
        return cached
    refused = []
    for url in _file_addresses(source):
        try:
            return download(url, source.sha256, _by_hand(source))
        except SourceError as error:
            refused.append(str(error))
    raise SourceError(" ".join(refused))


def _file_addresses(source: OpenMLSource) -> list[str]:
    """Return the addresses of the ARFF file and, if there is one, its Parquet twin."""
    server = (os.environ.get(SERVER_VARIABLE) or DEFAULT_SERVER).rstrip("/")
    url = f"{server}/api/v1/json/data/{source.data_id}"
    description = _description(fetch_bytes(url, _by_hand(source)))
    addresses = [description[key] for key in ("url", "parquet_url") if isinstance(description.get(key), str)]
    if not addresses:
        raise SourceError(f"{url} names no file. Check `source.data_id` ({source.data_id}) on {server}.")
    return list(dict.fromkeys(addresses))


def _description(content: bytes) -> dict[str, Any]:
    try:
        description = json.loads(content)["data_set_description"]
    except (ValueError, KeyError, TypeError):
        return {}
    return description if isinstance(description, dict) else {}


def _by_hand(source: OpenMLSource) -> str:
    return (
        f"Try again later, set {SERVER_VARIABLE} to another server, or put the ARFF or Parquet file of data set "
        f"{source.data_id} at {cached_path(source.sha256)}."
    )


def _rows(path: Path, origin: str) -> pd.DataFrame:
    content = path.read_bytes()
    if content.startswith(PARQUET_START):
        return read_parquet(path)
    try:
        return parse_arff(content.decode("utf-8"), origin)
    except UnicodeDecodeError as error:
        raise SourceError(f"{origin} is not UTF-8 text (byte {error.start}). Use its Parquet file instead.") from None
