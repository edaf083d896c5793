"""Small files of decisions for tests of the audit, and the audit of one."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.evaluation.audit.assessment import Audit, audit
from apps.ml.evaluation.audit.options import AuditOptions
from apps.ml.evaluation.audit.outcome_words import OutcomeWords

COMPAS = Path(os.environ.get("FAIRMIND_DATA_DIR", "")) / "compas" / "compas-scores-two-years.csv"
COMPAS_WORDS = OutcomeWords(positive=("Medium", "High", "1"), favourable=("Low", "0"))


def decisions(rows: int = 600, seed: int = 1) -> pd.DataFrame:
    """Decisions with labels, scores, weights and two attributes; the decision is score >= .5."""
    random = np.random.default_rng(seed)
    sex = random.choice(["female", "male"], rows)
    score = np.round(random.beta(2, 2, rows) * np.where(sex == "male", 1.0, 0.9), 6)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "sex": sex,
            "region": random.choice(["north", "south", "west"], rows),
            "age": random.integers(18, 80, rows),
            "label": (random.random(rows) < score).astype(int),
            "decision": (score >= 0.5).astype(int),
            "score": score,
            "weight": np.round(random.uniform(0.5, 2.0, rows), 3),
        }
    )


def written(path: Path, frame: pd.DataFrame) -> Path:
    """Write a frame as CSV or Parquet, by the end of the name."""
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return path


def options(path: Path, **changed: Any) -> AuditOptions:
    """Options of an audit of :func:`decisions`."""
    given: dict[str, Any] = {"sensitive": ("sex",), "prediction": "decision", "label": "label"}
    return AuditOptions(path, **(given | changed))


def audited(path: Path, text: str, **changed: Any) -> Audit:
    """Audit the text of a CSV file; groups of one row are judged."""
    path.write_text(text, encoding="utf-8")
    return audit(options(path, minimum_group_size=1, **changed))
