"""A decision rule that is written down here, and people for it: every kind of column, and answers known by hand.

The log-odds of repaying are .04 (income − 50) − .03 (debt − 20) + .8 owner + the grade's points − .02 (district − 50)
+ .02 (age − 40) − .5 for women. A missing value adds nothing. `noise` is an input that moves nothing.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import AttributeSchema, ColumnSchema
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.decisions import DecisionRows
from apps.ml.evaluation.statistics.shares.rates import Favourable
from apps.ml.parameters import ModelEvaluation

COLUMNS = (
    ColumnSchema("income", "numeric", minimum=0, actionable="increase", reason_low="the income is too low"),
    ColumnSchema("debt", "numeric", integer=True, minimum=0, maximum=80, actionable="decrease"),
    ColumnSchema("owner", "boolean", actionable="increase", reason_low="the home is not owned"),
    ColumnSchema("grade", "categorical", categories=("c", "b", "a"), actionable="increase", reason="the grade"),
    ColumnSchema("district", "numeric", actionable="no", proxy_of="sex"),
    ColumnSchema("age", "numeric", integer=True, actionable="no"),
    ColumnSchema("sex", "categorical", categories=("f", "m"), sensitive=True),
    ColumnSchema("noise", "numeric"),
)
NAMES = tuple(column.name for column in COLUMNS)
SEX = AttributeSchema("sex", ("sex",), ("f", "m", "unknown"))
AGE = AttributeSchema("age", ("age",), ("<40", ">=40"))
REGION = AttributeSchema("region", ("region",), ("north", "south"))
POINTS = {"c": -0.6, "b": 0.0, "a": 0.6}
PARAMETERS = ModelEvaluation.model_validate(
    {
        "seed": 3,
        "bootstrap_replicates": 100,
        "explanations": {"background_rows": 100, "reason_rows": 120, "counterfactual_rows": 10, "local_rows": 4},
    }
)


def log_odds(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The rule, one column after the other."""
    parts = [
        0.04 * (frame["income"] - 50),
        -0.03 * (frame["debt"] - 20),
        0.8 * frame["owner"],
        frame["grade"].map(POINTS).astype("float64"),
        -0.02 * (frame["district"] - 50),
        0.02 * (frame["age"] - 40),
        frame["sex"].map({"f": -0.5, "m": 0.0}).astype("float64"),
    ]
    return np.nansum(np.column_stack([part.to_numpy(dtype=np.float64) for part in parts]), axis=1)


def score(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Probability of repaying."""
    return np.asarray(1 / (1 + np.exp(-log_odds(frame))))


def rule(
    score_of: Any = score,
    favourable: Favourable = "positive",
    threshold: float = 0.5,
    columns: tuple[ColumnSchema, ...] = COLUMNS,
) -> DecisionRule:
    """The rule as it would be served."""
    return DecisionRule(columns, score_of, lambda scores: (scores >= threshold).astype(np.int8), favourable, threshold)


def people(n: int = 400, seed: int = 0, missing: bool = True) -> pd.DataFrame:
    """Rows for the rule, a few values missing."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "income": random.gamma(6.0, 8.0, n),
            "debt": random.integers(0, 60, n).astype(np.float64),
            "owner": random.integers(0, 2, n).astype(np.float64),
            "grade": pd.Series(random.choice(["a", "b", "c"], n), dtype="str"),
            "district": random.uniform(0, 100, n),
            "age": random.integers(18, 80, n).astype(np.float64),
            "sex": pd.Series(random.choice(["f", "m"], n), dtype="str"),
            "noise": random.normal(size=n),
        }
    )
    if missing:
        frame.loc[random.random(n) < 0.05, "income"] = np.nan
        frame.loc[random.random(n) < 0.05, "grade"] = np.nan
    return frame


def person(**values: Any) -> pd.DataFrame:
    """One person without anything remarkable, but for `values`."""
    plain = {
        "income": 50.0,
        "debt": 20.0,
        "owner": 0.0,
        "grade": "b",
        "district": 50.0,
        "age": 40.0,
        "sex": "m",
        "noise": 0.0,
    }
    frame = pd.DataFrame({name: [value] for name, value in (plain | values).items()})
    return frame.astype({"grade": "str", "sex": "str"})


def decision_rows(n: int = 400, seed: int = 1) -> DecisionRows:
    """People as they are handed to the explanations of decisions."""
    frame = people(n, seed)
    random = np.random.default_rng(seed + 100)
    groups = pd.DataFrame(
        {
            "sex": frame["sex"].mask(random.random(n) < 0.02, "unknown"),
            "age": np.where(frame["age"] < 40, "<40", ">=40"),
            "region": np.where(random.random(n) < 0.5, "north", "south"),
        }
    )
    labels = (random.random(n) < score(frame)).astype(np.int8)
    return DecisionRows(frame, np.arange(n) + 5000, labels, groups, people(600, seed + 1), (SEX, AGE, REGION))
