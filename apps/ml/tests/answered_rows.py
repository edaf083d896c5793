"""Rows that made-up models answered: the better one knows more about the label."""

import numpy as np
import pandas as pd

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import GROUP, LABEL, ROW, read_split
from apps.ml.evaluation.model_comparison.rows import AnsweredRows
from apps.ml.files import write_parquet


def answered(knowledge: float, n: int = 400, seed: int = 1, regression: bool = False) -> AnsweredRows:
    """Return n rows, the same ones for every `knowledge` in [0, 1] of the label; half belong to each of two groups."""
    generator = np.random.default_rng(seed)
    labels = (generator.random(n) < 0.5).astype(np.float64)
    noise, groups = generator.random(n), generator.choice(["a", "b"], n)
    scores = np.clip(knowledge * labels + (1 - knowledge) * noise, 0.0, 1.0)
    decisions = None if regression else (scores >= 0.5).astype(np.int8)
    return AnsweredRows(np.arange(n), labels, scores, decisions, pd.DataFrame({"sex": groups}))


def write_answers(paths: ArtifactPaths, knowledge: float = 0.3) -> None:
    """Write predictions for the test rows below `paths.root`, as if by a model with such `knowledge` of the label."""
    split = read_split(paths.processed, "test")
    scores = knowledge * split.labels + (1 - knowledge) * np.random.default_rng(2).random(len(split))
    frame = pd.DataFrame({ROW: split.rows, LABEL: split.labels, "score": scores, "decision": scores >= 0.5})
    groups = {GROUP + str(name): split.groups[name].to_numpy() for name in split.groups.columns}
    write_parquet(paths.predictions / "test.parquet", frame.assign(**groups))
