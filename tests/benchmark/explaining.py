"""Time what the model server does to explain answers, on refused test rows of the pipeline's bundle, in one run.

`python -m tests.benchmark.explaining [--json]`; needs the results of `make reproduce`. Times are microseconds per row,
each the best of a few rounds in one process; the estimator's own contributions stand beside those of the server, with
the largest difference. Reasons are compared between the basis of the training rows and that of the bundle's summary.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_split
from apps.ml.deployment.explaining.basis_sources import basis_for
from apps.ml.deployment.explaining.contribution_part import OwnContributions
from apps.ml.deployment.explaining.explainer import Explainer
from apps.ml.deployment.explaining.preparation import prepared_explainer
from apps.ml.deployment.explaining.row_explanation import RowExplanation, Wanted
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.prediction_log.state_folder import STATE_VARIABLE

ROWS, SEARCHED, ROUNDS = 200, 20, 3
CONTRIBUTIONS, REASONS, WAYS = Wanted(True, False), Wanted(False, True), Wanted(False, False, True)


def measured() -> dict[str, float]:
    """Return every figure under its name."""
    model = FolderSource(ArtifactPaths().bundle).load()
    frame = refused_rows(model)
    with tempfile.TemporaryDirectory() as empty:
        os.environ[STATE_VARIABLE] = empty
        trained, summed = (
            prepared_explainer(model, basis_for(model, paths))
            for paths in (ArtifactPaths(), ArtifactPaths(Path(empty)))
        )
    return {**times(model, trained, frame), **agreement(model, trained, summed, frame)}


def refused_rows(model: ServedModel) -> pd.DataFrame:
    """The test rows whose decision is the unfavourable one."""
    info = model.bundle.info
    frame = read_split(ArtifactPaths().processed, "test").inputs(info.columns)
    good = 1 if info.favourable == "positive" else 0
    return frame.loc[np.asarray(model.scorer.answers(frame).decisions) != good].reset_index(drop=True)


def times(model: ServedModel, explainer: Explainer, frame: pd.DataFrame) -> dict[str, float]:
    """Microseconds per row of each part."""
    rows = frame.head(ROWS)
    encoded = model.bundle.encode(rows)
    own = OwnContributions(model.bundle, encoded[:0], 0)
    scores = model.scorer.answers(rows).scores
    parts: dict[str, tuple[int, Callable[[], object]]] = {
        "contributions, estimator's own": (ROWS, partial(own.contributions, encoded, (), scores)),
        "contributions": (ROWS, partial(explain, model, explainer, rows, CONTRIBUTIONS)),
        "reasons": (ROWS, partial(explain, model, explainer, rows, REASONS)),
        "both": (ROWS, partial(explain, model, explainer, rows, Wanted())),
        "counterfactual, one row": (1, partial(explain, model, explainer, rows.head(1), WAYS)),
        "counterfactual, 20 rows": (SEARCHED, partial(explain, model, explainer, rows.head(SEARCHED), WAYS)),
    }
    return {f"µs per row: {name}": 1e6 * best_seconds(act) / count for name, (count, act) in parts.items()}


def agreement(model: ServedModel, trained: Explainer, summed: Explainer, frame: pd.DataFrame) -> dict[str, float]:
    """How far contributions are from the estimator's own, and how often the first reason is the same by both bases."""
    encoded = model.bundle.encode(frame)
    scores = model.scorer.answers(frame).scores
    own = OwnContributions(model.bundle, encoded[:0], 0).contributions(encoded, (), scores)
    given = explain(model, trained, frame, CONTRIBUTIONS)
    apart = max(
        abs((found.contributions or {})[column] - value)
        for found, wanted in zip(given, own, strict=True)
        for column, value in zip(wanted.columns, wanted.values[0], strict=True)
    )
    first, second = (first_reasons(explain(model, explainer, frame, REASONS)) for explainer in (trained, summed))
    same = float(np.mean([one == another for one, another in zip(first, second, strict=True)]))
    return {"refused rows": len(frame), "largest difference": apart, "same first reason by the summary": same}


def explain(model: ServedModel, explainer: Explainer, rows: pd.DataFrame, what: Wanted) -> list[RowExplanation]:
    """Explain the answers that serve."""
    return explainer.explain_frame(rows, model.scorer.answers(rows), what)


def first_reasons(explained: Sequence[RowExplanation]) -> list[str | None]:
    """The code of each row's first reason."""
    return [one.reasons[0].code if one.reasons else None for one in explained]


def best_seconds(act: Callable[[], object]) -> float:
    """The least time of a few rounds."""
    found = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        act()
        found.append(time.perf_counter() - start)
    return min(found)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    as_json = parser.parse_args().json
    figures = measured()
    lines = [json.dumps(figures)] if as_json else [f"{name:<45} {value:>14,.6g}" for name, value in figures.items()]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
