"""Rows that are made rather than found: the catalogue of generators."""

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from apps.ml.data.declaration import GeneratorSource
from apps.ml.data.sources.loan_applications import generate_loan_applications
from apps.ml.data.sources.raw_table import RawTable
from apps.ml.data.sources.salaries import generate_salaries
from apps.ml.data.sources.text_values import as_text
from apps.ml.errors import SourceError
from apps.ml.validation_errors import nearest_name

GENERATORS: Mapping[str, Callable[[int, int], pd.DataFrame]] = {
    "loan_applications": generate_loan_applications,
    "salaries": generate_salaries,
}
"""Name of a generator → function of the number of rows and the seed."""


def read(source: GeneratorSource) -> RawTable:
    """Return the rows of the declared generator; the digest is taken over the rows themselves."""
    generate = GENERATORS.get(source.generator)
    if generate is None:
        hint = nearest_name(source.generator, list(GENERATORS))
        raise SourceError(f"no generator is called '{source.generator}'{hint}. Mend `source.generator`.")
    frame = as_text(generate(source.rows, source.seed), f"generator {source.generator}")
    return RawTable(frame, np.full(len(frame), "", dtype=np.str_), digest_of_rows(frame))


def digest_of_rows(frame: pd.DataFrame) -> str:
    """Return the sha256 over the column names and all values in order; a missing value differs from an empty one."""
    digest = hashlib.sha256("\x1f".join(frame.columns).encode())
    for column in frame.columns:
        digest.update(b"\x1e")
        digest.update("\x1f".join(frame[column].fillna("\x00").to_numpy(dtype=object)).encode())
    return digest.hexdigest()
