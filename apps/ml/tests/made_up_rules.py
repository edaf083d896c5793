"""Decision rules that can be worked out by hand, and made-up people they decide about."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.parameters import ModelEvaluation

COLUMNS = (
    ColumnSchema("income", "numeric", integer=True),
    ColumnSchema("debt", "numeric"),
    ColumnSchema("region", "categorical"),
    ColumnSchema("member", "boolean"),
)
PARAMETERS = ModelEvaluation.model_validate({"seed": 4, "explanations": {"permutation_repeats": 3}})

Score = Callable[[pd.DataFrame], npt.NDArray[np.float64]]


def people(rows: int = 400, seed: int = 0, missing: bool = True) -> pd.DataFrame:
    """Incomes from 10,000 to 90,000, debts around 0, three regions and membership; some of each are missing."""
    generator = np.random.default_rng(seed)
    income = generator.integers(10_000, 90_000, rows).astype(np.float64)
    region = generator.choice(["north", "south", "west"], rows, p=[0.5, 0.4, 0.1]).astype(object)
    if missing:
        income[generator.random(rows) < 0.05] = np.nan
        region[generator.random(rows) < 0.05] = None
    content = {
        "income": income,
        "debt": generator.normal(size=rows),
        "region": pd.array(list(region), dtype="str"),
        "member": generator.integers(0, 2, rows).astype(np.float64),
    }
    return pd.DataFrame(content)


def additive(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Score people: .004 per thousand of income, −.05 per unit of debt, .1 more in the north; membership is ignored."""
    income = frame["income"].fillna(50_000).to_numpy(dtype=np.float64)
    north = (frame["region"] == "north").fillna(False).to_numpy(dtype=np.float64)
    debt = frame["debt"].to_numpy(dtype=np.float64)
    return 0.3 + 0.004 * income / 1000 - 0.05 * debt + 0.1 * north


def rule_of(
    score: Score = additive, columns: tuple[ColumnSchema, ...] = COLUMNS, threshold: float = 0.5
) -> DecisionRule:
    """A rule that decides 1 at and above the threshold."""

    def decide(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
        return (scores >= threshold).astype(np.int8)

    return DecisionRule(columns, score, decide, "positive", threshold)


def labels_of(frame: pd.DataFrame, seed: int = 3) -> npt.NDArray[np.int8]:
    """Labels drawn from the additive score."""
    return (np.random.default_rng(seed).random(len(frame)) < additive(frame)).astype(np.int8)


def groups_of(rows: int, seed: int = 5) -> pd.DataFrame:
    """Two attributes: `sex` with two large groups and `unknown`, `place` with one small group."""
    generator = np.random.default_rng(seed)
    sex = np.where(generator.random(rows) < 0.55, "women", "men").astype(object)
    sex[:3] = "unknown"
    place = np.where(generator.random(rows) < 0.5, "city", "country").astype(object)
    place[3:8] = "island"
    return pd.DataFrame({"sex": sex, "place": place})
