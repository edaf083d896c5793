"""One scorer for all parts of a job: which one is the quickest is measured at each loading, and may differ."""

from dataclasses import replace

import numpy as np
import pandas as pd

from apps.ml.deployment.scorers.bundle_scorer import BundleScorer
from apps.ml.deployment.scorers.candidates import Candidates
from apps.ml.deployment.scorers.not_compiled import NotCompiledError
from apps.ml.deployment.scorers.scorer import Scorer
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.errors import BundleError
from apps.ml.models.bundle import Answers, ModelBundle
from apps.ml.models.golden_rows import TOLERANCE

PROVEN_ROWS = 100
"""Rows of each piece that the bundle scores as well."""


def with_scorer(model: ServedModel, name: str) -> ServedModel:
    """Return `model` with the scorer of that name, by which the job began.

    Raises
    ------
    BundleError
        It cannot be built here.
    """
    if model.scorer.name == name:
        return model
    try:
        return replace(model, scorer=_built(model.bundle, name))
    except NotCompiledError as error:
        raise BundleError(
            f"{model.address}: the scorer '{name}', by which scoring began, cannot be built here: {error}. Install the "
            "packages of the machine where it began, or give --restart."
        ) from error


def require_right(model: ServedModel, frame: pd.DataFrame, answers: Answers) -> None:
    """Let the bundle score the first rows of a piece as well.

    Raises
    ------
    BundleError
        A score differs by more than the golden tolerance.
    """
    scores = answers.scores[:PROVEN_ROWS]
    expected = model.bundle.score(frame.head(PROVEN_ROWS))
    near = np.abs(scores - expected) <= TOLERANCE * np.maximum(1.0, np.abs(expected))
    if not (near | (scores == expected) | (np.isnan(scores) & np.isnan(expected))).all():
        raise BundleError(
            f"{model.address}: the scorer '{model.scorer.name}' gives other scores than the bundle. Nothing that it "
            "gave was kept. Install the library versions that the model was trained with, or train it again."
        )


def _built(bundle: ModelBundle, name: str) -> Scorer:
    if name == BundleScorer.name:
        return BundleScorer(bundle)
    candidates = Candidates(bundle)
    if name not in candidates.names:
        raise NotCompiledError("it is none of this model's scorers")
    return candidates.build(name)
