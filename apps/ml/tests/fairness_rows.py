"""Rows and counts for tests of fairness, and how one attribute of them is assessed."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.evaluation.fairness import AttributeAssessment, assess_fairness
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.parameters import ModelEvaluation

PARAMETERS = ModelEvaluation(seed=1, bootstrap_replicates=100)
EVERY_GROUP = ModelEvaluation(seed=1, bootstrap_replicates=100, minimum_group_size=1)

Rows = tuple[npt.NDArray[np.int8], npt.NDArray[np.int8], npt.NDArray[Any]]


def random_rows(seed: int, n: int = 600, groups: str = "abc") -> Rows:
    """Labels, decisions that follow them, and groups of which `a` is decided positively more often."""
    generator = np.random.default_rng(seed)
    names = generator.choice(list(groups), n)
    labels = (generator.random(n) < 0.4).astype(np.int8)
    decisions = (generator.random(n) < 0.2 + 0.4 * labels + 0.1 * (names == "a")).astype(np.int8)
    return labels, decisions, names


def random_scores(seed: int, labels: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    """Scores that rank the labels better than chance."""
    return np.clip(0.3 * labels + 0.7 * np.random.default_rng(seed).random(len(labels)), 0, 1)


def rows_of(counts: Mapping[str, Any]) -> Rows:
    """Rows of the blocks [[true negatives, false positives], [false negatives, true positives]] of each group."""
    blocks = np.array(list(counts.values()), dtype=np.int64).reshape(-1)
    group, label, decision = np.unravel_index(np.repeat(np.arange(len(blocks)), blocks), (len(counts), 2, 2))
    return label.astype(np.int8), decision.astype(np.int8), np.array(list(counts))[group]


def table_of(counts: Mapping[str, Any]) -> CountTable:
    """The count table of such blocks."""
    return CountTable(tuple(counts), np.array(list(counts.values()), dtype=np.int64).reshape(-1, 2, 2))


def assessed(
    labels: Any,
    decisions: Any,
    groups: Any,
    favourable: Literal["positive", "negative"] = "positive",
    parameters: ModelEvaluation = PARAMETERS,
    **more: Any,
) -> AttributeAssessment:
    """Assess one attribute."""
    frame = pd.DataFrame({"attribute": groups})
    return assess_fairness(labels, decisions, frame, favourable, parameters, **more).attributes["attribute"]
