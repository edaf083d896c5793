"""A small made-up data set for tests: who repays a loan, by a rule that is written down here.

The log-odds of repaying rise with income, fall with debt and with youth, are higher for owners of a home, and know
nothing of the city nor of noise. Sex is the sensitive column.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from apps.ml.data.processed import (
    AttributeSchema,
    ColumnSchema,
    ProcessedSchema,
    ProcessedSplit,
    write_schema,
    write_split,
)

COLUMNS = (
    ColumnSchema("income", "numeric", nullable=False, minimum=0.0),
    ColumnSchema("debt", "numeric", minimum=0.0),
    ColumnSchema("age", "numeric", integer=True, nullable=False, minimum=18, maximum=99),
    ColumnSchema("owner", "boolean"),
    ColumnSchema("city", "categorical", categories=("Bern", "Chur", "Genf")),
    ColumnSchema("noise", "numeric", nullable=False),
    ColumnSchema("sex", "categorical", nullable=False, categories=("female", "male"), sensitive=True),
)
ROWS = {"train": 900, "validation": 300, "test": 300}
SEEDS = {"train": 11, "validation": 12, "test": 13}


def schema() -> ProcessedSchema:
    """What a stage `data_processing` would have written about these rows."""
    return ProcessedSchema(
        dataset="small_loans",
        title="Small loans",
        split="random",
        columns=COLUMNS,
        attributes=(AttributeSchema("sex", ("sex",), ("female", "male", "unknown")),),
        held_out=(),
        favourable="positive",
        positive_name="repaid",
        negative_name="defaulted",
        rows=ROWS,
    )


def split(name: str) -> ProcessedSplit:
    """The rows of one split; always the same."""
    random = np.random.default_rng(SEEDS[name])
    n = ROWS[name]
    income = random.gamma(4.0, 15.0, n)
    debt = random.gamma(2.0, 10.0, n)
    age = random.integers(18, 80, n).astype(np.float64)
    owner = (random.random(n) < 0.4).astype(np.float64)
    sex = random.choice(["female", "male"], n)
    odds = 0.05 * (income - 60) - 0.06 * (debt - 20) + 0.03 * (age - 48) + 1.2 * (owner - 0.4)
    labels = (random.random(n) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    features = pd.DataFrame(
        {
            "income": income,
            "debt": np.where(random.random(n) < 0.1, np.nan, debt),
            "age": age,
            "owner": np.where(random.random(n) < 0.05, np.nan, owner),
            "city": _with_missing(random.choice(["Bern", "Chur", "Genf"], n), random.random(n) < 0.05),
            "noise": random.normal(size=n),
            "sex": pd.Series(sex, dtype="str"),
        }
    )
    return ProcessedSplit(features, labels, pd.DataFrame({"sex": sex}), np.arange(n), pd.DataFrame(index=range(n)))


def write_processed(folder: Path, names: tuple[str, ...] = ("train", "validation", "test")) -> None:
    """Write the schema and the named splits as the first stage does."""
    write_schema(folder, schema())
    for name in names:
        write_split(folder, name, split(name))


def _with_missing(values: np.ndarray, missing: np.ndarray) -> "pd.Series[str]":
    series = pd.Series(values, dtype="str")
    return series.mask(pd.Series(missing))
