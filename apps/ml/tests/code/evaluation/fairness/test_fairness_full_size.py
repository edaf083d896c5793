"""A million rows, three attributes and their intersection, every metric with its intervals."""

import time

import numpy as np
import pandas as pd
import pytest

from apps.ml.evaluation.fairness import assess_joint
from apps.ml.evaluation.statistics.counting.joint_counts import count_jointly
from apps.ml.parameters import ModelEvaluation

ROWS = 1_000_000
ATTRIBUTES = {"a": ("a",), "b": ("b",), "c": ("c",), "a × b × c": ("a", "b", "c")}


@pytest.mark.slow
def test_beyond_counting_a_million_rows_are_assessed_in_less_than_a_second() -> None:
    generator = np.random.default_rng(0)
    groups = pd.DataFrame(
        {
            name: pd.Categorical(generator.integers(0, size, ROWS).astype(str))
            for name, size in zip("abc", (2, 5, 3), strict=True)
        }
    )
    labels = (generator.random(ROWS) < 0.4).astype(np.int8)
    scores = np.clip(0.3 * labels + 0.7 * generator.random(ROWS), 0, 1)
    joint = count_jointly((scores > 0.5).astype(np.int8), groups, labels, scores)
    parameters = ModelEvaluation(seed=1)
    assess_joint(joint, ATTRIBUTES, "positive", parameters)
    start = time.process_time()
    found = assess_joint(joint, ATTRIBUTES, "positive", parameters)
    assert time.process_time() - start < 1.0
    assert len(found.attributes["a × b × c"].groups) == 30
    gap = found.attributes["a × b × c"].metrics["equalized_odds_difference"]
    assert gap.lower <= gap.value <= gap.upper < 0.05  # type: ignore[operator]
