"""Everything that is checked before a version may answer, in the order in which it is checked."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.scorers.choice import choose_scorer
from apps.ml.deployment.scorers.scorer import Scorer, Value
from apps.ml.deployment.versions.served_model import WarmUp
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.errors import BundleError
from apps.ml.files import sha256_of_file
from apps.ml.models import golden_rows
from apps.ml.models.bundle import UNABLE, ModelBundle, read_bundle
from apps.ml.models.bundle_files import MANIFEST_FILE


@dataclass(frozen=True)
class CheckedBundle:
    """A bundle that may answer. `digest`: sha256 of its manifest."""

    bundle: ModelBundle
    digest: str
    scorer: Scorer
    warm_up: WarmUp


def checked_bundle(folder: Path, policy: ServingPolicy, address: str) -> CheckedBundle:
    """Read a bundle and let it answer its golden rows once more, by the scorer that would answer callers.

    The order: sha256 of every file; stored types on the list of `models.catalogue`, which no artefact can lengthen;
    golden rows by the bundle itself; what `policy` forbids; choice of the scorer; warm-up.

    Raises
    ------
    BundleError
        One of these fails; the message says which.
    """
    bundle = read_bundle(folder)
    policy.require_permitted(bundle.info, address)
    scorer = choose_scorer(bundle, folder)
    golden = golden_rows.read_golden(folder, bundle.info.columns)
    return CheckedBundle(
        bundle, sha256_of_file(folder / MANIFEST_FILE), scorer, warm_up(scorer, golden, bundle.info.columns)
    )


def warm_up(scorer: Scorer, golden: golden_rows.GoldenRows, columns: Sequence[ColumnSchema]) -> WarmUp:
    """Score at most the first 32 golden rows, each alone as a caller would send it, and take the time.

    What is slow only once (buffers, compiled code, files behind memory maps) is over before the first caller comes.

    Raises
    ------
    BundleError
        The scorer fails, or a score differs from the golden one by more than the golden tolerance.
    """
    frame, expected = golden_rows.first_rows(golden.frame), golden.scores[: golden_rows.MOST_ROWS]
    rows: list[list[Value]] = [list(record.values()) for record in golden_rows.records(frame, columns)]
    start = time.perf_counter()
    try:
        scores = np.array([scorer.score_row(row)[0] for row in rows], dtype=np.float64)
    except UNABLE as error:
        raise BundleError(
            f"the scorer '{scorer.name}' cannot score the golden rows ({type(error).__name__}). Train the model again."
        ) from error
    seconds = time.perf_counter() - start
    accepted = golden_rows.TOLERANCE * max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    wrong = int(np.sum(~(np.abs(scores - expected) <= accepted)))
    if wrong:
        raise BundleError(
            f"the scorer '{scorer.name}' gives {wrong} of {len(expected)} golden rows another score. Use the library "
            "versions that the model was trained with, or train it again."
        )
    return WarmUp(len(rows), seconds)
