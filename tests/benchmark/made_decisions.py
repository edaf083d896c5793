"""Decisions made up for benchmarks: three attributes, labels, decisions, scores; the same for the same seed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

PART_ROWS = 500_000
SEXES = ("female", "male")
REGIONS = ("north", "east", "south", "west", "abroad")
AGES = ("<25", "25-39", "40-59", ">=60")


def made_decisions(rows: int, seed: int = 7) -> Iterator[pd.DataFrame]:
    """Yield the rows in parts: `id`, `sex`, `region`, `age`, `label`, `decision` and `score` (six decimals)."""
    random = np.random.default_rng(seed)
    for start in range(0, rows, PART_ROWS):
        size = min(PART_ROWS, rows - start)
        sex, region, age = (random.integers(0, len(names), size) for names in (SEXES, REGIONS, AGES))
        score = np.round(random.beta(2.0, 2.0, size) * (1.0 - 0.05 * sex - 0.02 * region), 6)
        yield pd.DataFrame(
            {
                "id": np.arange(start, start + size),
                "sex": pd.Categorical.from_codes(sex, pd.Index(SEXES)),
                "region": pd.Categorical.from_codes(region, pd.Index(REGIONS)),
                "age": pd.Categorical.from_codes(age, pd.Index(AGES)),
                "label": (random.random(size) < score).astype(np.int8),
                "decision": (score >= 0.5).astype(np.int8),
                "score": score,
            }
        )


def write_decisions(path: Path, rows: int) -> None:
    """Write them as CSV, part by part."""
    import pyarrow as pa
    from pyarrow import csv

    writer = None
    for part in made_decisions(rows):
        table = pa.Table.from_pandas(part.astype(dict.fromkeys(("sex", "region", "age"), "str")), preserve_index=False)
        writer = writer or csv.CSVWriter(path, table.schema)
        writer.write(table)
    if writer is not None:
        writer.close()
