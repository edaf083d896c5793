"""A small made-up data set with a numeric label for tests: hourly wages, by a rule that is written down here.

Wages rise with schooling and experience, are lower for women by `GAP` at equal columns, and know nothing of noise. Sex
is the sensitive column; the region is sensitive too and no column; `islands` has few people. The true wage is held out.
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

GAP = 2.0
COLUMNS = (
    ColumnSchema("schooling", "numeric", integer=True, nullable=False, minimum=8, maximum=20),
    ColumnSchema("experience", "numeric", minimum=0, maximum=40),
    ColumnSchema("manager", "boolean"),
    ColumnSchema("trade", "categorical", categories=("care", "crafts", "office"), proxy_of="sex"),
    ColumnSchema("noise", "numeric", nullable=False),
    ColumnSchema("sex", "categorical", nullable=False, categories=("female", "male"), sensitive=True),
)
ROWS = {"train": 700, "validation": 250, "test": 400}
SEEDS = {"train": 21, "validation": 22, "test": 23}
GROUPS = {"sex": ("female", "male", "unknown"), "region": ("north", "south", "islands", "unknown")}


def schema() -> ProcessedSchema:
    """What a stage `data_processing` would have written about these rows."""
    return ProcessedSchema(
        dataset="small_wages",
        title="Small <wages>",
        split="random",
        columns=COLUMNS,
        attributes=(
            AttributeSchema("sex", ("sex",), GROUPS["sex"]),
            AttributeSchema("region", ("region",), GROUPS["region"]),
        ),
        held_out=("true_wage",),
        favourable="positive",
        positive_name="hourly wage",
        negative_name="",
        rows=ROWS,
        task="regression",
        unit="euros",
        source_kind="generator",
    )


def split(name: str) -> ProcessedSplit:
    """The rows of one split; always the same."""
    random = np.random.default_rng(SEEDS[name])
    n = ROWS[name]
    sex = random.choice(["female", "male"], n)
    region = np.where(random.random(n) < 0.6, "north", "south").astype(object)
    region[:6], region[6:20] = "islands", "unknown"
    schooling = random.integers(8, 21, n).astype(np.float64)
    experience = random.integers(0, 40, n).astype(np.float64)
    manager = (random.random(n) < 0.2).astype(np.float64)
    trade = np.where(random.random(n) < 0.6, np.where(sex == "female", "care", "crafts"), "office")
    true = 6 + 0.9 * schooling + 0.25 * experience + 4 * manager - GAP * (sex == "female")
    features = pd.DataFrame(
        {
            "schooling": schooling,
            "experience": np.where(random.random(n) < 0.05, np.nan, experience),
            "manager": manager,
            "trade": pd.Series(trade, dtype="str"),
            "noise": random.normal(size=n),
            "sex": pd.Series(sex, dtype="str"),
        }
    )
    labels = np.round(true + random.normal(0, 2, n), 2)
    groups = pd.DataFrame({"sex": sex, "region": region})
    return ProcessedSplit(features, labels, groups, np.arange(n), pd.DataFrame({"true_wage": true}))


def write_processed(folder: Path) -> None:
    """Write the schema and the splits as the first stage does."""
    write_schema(folder, schema())
    for name in ROWS:
        write_split(folder, name, split(name))
