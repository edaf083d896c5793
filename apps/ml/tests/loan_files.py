"""Loan applications as a file holds them: the columns of the server's small bundle among others."""

from pathlib import Path

import numpy as np
import pandas as pd

MODEL_COLUMNS = ("age", "monthly-income", "purpose", "homeowner")
UNSEEN = "a boat"


def applications(rows: int, seed: int = 5) -> pd.DataFrame:
    """Return applications; some incomes and purposes are missing, one purpose in twenty was never seen."""
    generator = np.random.default_rng(seed)
    purpose = pd.Series(generator.choice(["car", "home", "school"], rows), dtype="str")
    purpose = purpose.mask(generator.random(rows) < 0.05, UNSEEN).mask(generator.random(rows) < 0.1)
    income = np.round(generator.lognormal(8.0, 0.5, rows), 2)
    income[generator.random(rows) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "name": pd.Series([f'No. {number}, "the {number}th"' for number in range(rows)], dtype="str"),
            "purpose": purpose,
            "age": generator.integers(18, 90, rows),
            "homeowner": generator.integers(0, 2, rows).astype(bool),
            "monthly-income": income,
        }
    )


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the model's columns typed by hand: a second way beside the one that is under test."""
    numbers = {name: frame[name].astype(np.float64) for name in ("age", "monthly-income", "homeowner")}
    return pd.DataFrame({**numbers, "purpose": frame["purpose"].astype("str")})[list(MODEL_COLUMNS)]


def read_back(path: Path) -> pd.DataFrame:
    """Read an output as a person would."""
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
