"""The saved model: a folder in a versioned format that holds all that is needed to score a row, and checks itself.

docs/ml/bundle_format.md describes the files. Reading never runs code from the bundle: the transformer and
scikit-learn estimators are skops files whose types are on a list, all other parts are plain text and numbers
(:mod:`apps.ml.models.parts.storage`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.errors import BundleError
from apps.ml.features.safe_objects import TRANSFORMER_TYPES, read_object, write_object
from apps.ml.features.tables import TRANSFORMER_FILE
from apps.ml.models import bundle_files, golden_rows
from apps.ml.models.bundle_info import MODEL_FILE, BundleInfo, MitigationInfo, read_model_file
from apps.ml.models.bundle_parts import require_fitting, takes_group
from apps.ml.models.catalogue import STORED_TYPES
from apps.ml.models.parts.mixture import DrawnMember
from apps.ml.models.parts.part import Adjustment, ExplainedPart
from apps.ml.models.parts.storage import read_part, write_part
from apps.ml.models.scoring import scores_of

FORMAT = bundle_files.FORMAT
"""Number of the format that :func:`write_bundle` writes."""

ADJUSTMENT_FOLDER = "adjustment"
REFERENCE_FILE = "reference.json"

UNABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What scoring raises with a part of an allowed type that holds not what a fit gives it."""

Scores = npt.NDArray[np.float64]

__all__ = [
    "ADJUSTMENT_FOLDER",
    "FORMAT",
    "REFERENCE_FILE",
    "Answers",
    "BundleInfo",
    "MitigationInfo",
    "ModelBundle",
    "Transformer",
    "read_bundle",
    "read_info",
    "read_reference",
    "read_transformer",
    "write_bundle",
]


class Transformer(Protocol):
    """Turns a typed frame of input columns into the matrix of encoded features."""

    def transform(self, frame: pd.DataFrame) -> Scores: ...


@dataclass(frozen=True)
class Answers:
    """Scores float64 [n] and, where the model decides, decisions int8 [n] of 0 and 1."""

    scores: Scores
    decisions: npt.NDArray[np.int8] | None


@dataclass(frozen=True)
class ModelBundle:
    """A model that scores rows: transformer, estimator, adjustment and what is known about them.

    Scores are what the model says of a row; decision scores are what is compared with the threshold: the same numbers,
    unless an adjustment stands between them.
    """

    info: BundleInfo
    transformer: Transformer
    estimator: Any
    adjustment: Adjustment | None = None

    def encode(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the encoded features [n, k] of a typed frame with the columns of `info.columns`."""
        X, group = self.transformer.transform(frame), self.info.group
        return X if group is None else np.column_stack([X, group.codes(frame[group.column_name])])

    def with_group(self, X: npt.NDArray[np.float64], groups: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return features [n, k] of the transformer with the group's code behind them, where decisions need a group.

        `groups`: data frame [n, attributes] of group names.
        """
        group = self.info.group
        return X if group is None else np.column_stack([X, group.codes(groups[group.attribute])])

    def score_encoded(self, X: npt.NDArray[np.float64]) -> Scores:
        """Return [n] probabilities of the positive event, or predicted values, for encoded features [n, k]."""
        return scores_of(self.estimator, self.estimator_features(X))

    def estimator_features(self, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the part of encoded features [n, k] that the estimator looks at: all, or all but the group's code."""
        if self.info.group is None or takes_group(self.estimator):
            return X
        return X[:, :-1]

    def score(self, frame: pd.DataFrame) -> Scores:
        """Return [n] probabilities of the positive event, or predicted values, for a typed frame."""
        return self.score_encoded(self.encode(frame))

    def decision_scores_encoded(self, X: npt.NDArray[np.float64]) -> Scores:
        """Return [n] numbers in [0, 1] that are compared with the threshold."""
        scores = self.score_encoded(X)
        return scores if self.adjustment is None else self.adjustment.decision_scores(scores, X)

    def decision_scores(self, frame: pd.DataFrame) -> Scores:
        """Return [n] numbers in [0, 1] that are compared with the threshold, for a typed frame."""
        return self.decision_scores_encoded(self.encode(frame))

    def decide(self, decision_scores: Scores) -> npt.NDArray[np.int8]:
        """Return [n] decisions: 1 exactly where `decision score >= info.threshold`.

        Raises
        ------
        BundleError
            The model predicts numbers and decides nothing.
        """
        if self.info.threshold is None:
            raise BundleError("the model predicts numbers and decides nothing. Ask it for scores.")
        return (np.asarray(decision_scores) >= self.info.threshold).astype(np.int8)

    def answers_encoded(self, X: npt.NDArray[np.float64]) -> Answers:
        """Return scores and decisions for encoded features [n, k]."""
        scores = self.score_encoded(X)
        if self.info.threshold is None:
            return Answers(scores, None)
        moved = scores if self.adjustment is None else self.adjustment.decision_scores(scores, X)
        return Answers(scores, self.decide(moved))

    def answers(self, frame: pd.DataFrame) -> Answers:
        """Return scores and decisions for a typed frame."""
        return self.answers_encoded(self.encode(frame))

    def contributions(self, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
        """Return [n, k + 1] exact contributions to the scores, the last column the base value.

        None where the estimator has no exact contributions of its own.
        """
        if not isinstance(self.estimator, ExplainedPart):
            return None
        found = self.estimator.contributions(self.estimator_features(X))
        missing = X.shape[1] + 1 - found.shape[1]
        return np.insert(found, [found.shape[1] - 1] * missing, 0.0, axis=1)


def write_bundle(
    folder: Path,
    bundle: ModelBundle,
    golden: pd.DataFrame,
    transformer_file: Path | None = None,
    reference: Mapping[str, Any] | None = None,
    replace: bool = False,
) -> None:
    """Write `folder` whole or not at all; the same bundle gives the same bytes.

    Parameters
    ----------
    golden : data frame [up to 32 are kept, input columns]
        Rows whose scores are stored and measured again at each reading.
    transformer_file
        A file whose exact bytes become the bundle's transformer; None: the transformer is written anew.
    reference
        What `apps.ml.models.reference` summarised; None: the bundle has no reference.
    replace
        Take the place of a folder that exists.

    Raises
    ------
    BundleError
        The folder exists and is not to be replaced, or the written bundle does not reproduce its golden scores.
    """
    with bundle_files.whole_folder(folder, replace) as new:
        _write_transformer(new / TRANSFORMER_FILE, bundle, transformer_file)
        write_part(new, bundle.estimator)
        if bundle.adjustment is not None:
            write_part(new / ADJUSTMENT_FOLDER, bundle.adjustment)
        bundle_files.write_exact_json(new / MODEL_FILE, bundle.info.to_dict())
        first = golden_rows.first_rows(golden)
        golden_rows.write_golden(new, first, bundle.info.columns, bundle.score(first), _decision_scores(bundle, first))
        if reference is not None:
            bundle_files.write_exact_json(new / REFERENCE_FILE, reference)
        bundle_files.write_manifest(new)
        read_bundle(new)


def read_bundle(folder: Path, verify: bool = True) -> ModelBundle:
    """Read a bundle; the digest of every file is always checked.

    Parameters
    ----------
    verify
        Score the golden rows again and compare with the stored scores.

    Raises
    ------
    BundleError
        A file is missing, changed or not in the manifest; the format is unknown; a stored type is not on the list;
        `model.json` and the parts do not belong together; a golden row gets another score or none.
    """
    info, transformer = read_info(folder), read_transformer(folder / TRANSFORMER_FILE)
    estimator = read_part(folder, STORED_TYPES)
    adjustment = _read_adjustment(folder / ADJUSTMENT_FOLDER, estimator)
    require_fitting(info, transformer, estimator, adjustment)
    bundle = ModelBundle(info, transformer, estimator, adjustment)
    if verify:
        _verify(folder, bundle)
    return bundle


def _verify(folder: Path, bundle: ModelBundle) -> None:
    try:
        golden_rows.check_golden(
            folder, bundle.info.columns, bundle.score, lambda frame: _decision_scores(bundle, frame)
        )
    except UNABLE as error:
        raise BundleError(
            f"{folder}: the bundle cannot score its golden rows ({type(error).__name__}). Train the model again."
        ) from error


def read_transformer(path: Path) -> Transformer:
    """Read a fitted transformer; :class:`BundleError` where the file holds anything else."""
    from apps.ml.features.transformer import FeatureTransformer

    transformer = read_object(path, TRANSFORMER_TYPES)
    if not isinstance(transformer, FeatureTransformer):
        raise BundleError(f"{path} holds a {type(transformer).__name__}, no feature transformer. Run `dvc repro`.")
    return transformer


def read_info(folder: Path) -> BundleInfo:
    """Read what a bundle says about itself without loading its model; the digests are checked."""
    bundle_files.check_manifest(folder)
    return read_model_file(folder)


def read_reference(folder: Path) -> dict[str, Any]:
    """Read the summary of the training rows; :class:`BundleError` where the bundle has none."""
    if not (folder / REFERENCE_FILE).exists():
        raise BundleError(f"{folder} holds no {REFERENCE_FILE}. Train the model again to add one.")
    content: dict[str, Any] = bundle_files.read_exact_json(folder / REFERENCE_FILE)
    return content


def _write_transformer(path: Path, bundle: ModelBundle, source: Path | None) -> None:
    if source is None:
        write_object(path, bundle.transformer)
    else:
        path.write_bytes(source.read_bytes())


def _read_adjustment(folder: Path, estimator: Any) -> Adjustment | None:
    if not folder.exists():
        return None
    adjustment: Any = read_part(folder, STORED_TYPES)
    if not isinstance(adjustment, Adjustment):
        raise BundleError(f"{folder} holds a {type(adjustment).__name__}, no adjustment. Train the model again.")
    return adjustment.bound_to(estimator) if isinstance(adjustment, DrawnMember) else adjustment


def _decision_scores(bundle: ModelBundle, frame: pd.DataFrame) -> Scores | None:
    """Decision scores where they are others than the scores."""
    return None if bundle.adjustment is None else bundle.decision_scores(frame)
