"""The saved model: a folder in a versioned format that holds all that is needed to score a row, and checks itself.

docs/ml/bundle_format.md describes the files. Reading never runs code from the bundle: the transformer and
scikit-learn estimators are skops files whose types are on a list, boosted trees are LightGBM's text.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import ColumnSchema, column_from_dict
from apps.ml.errors import BundleError
from apps.ml.features.safe_objects import TRANSFORMER_TYPES, read_object, write_object
from apps.ml.features.tables import TRANSFORMER_FILE
from apps.ml.models import bundle_files, golden_rows
from apps.ml.models.boosted_trees import BoostedTrees, read_boosted_trees
from apps.ml.models.catalogue import STORED_TYPES
from apps.ml.models.scoring import positive_scores

FORMAT = bundle_files.FORMAT
"""Number of the format that :func:`write_bundle` writes."""

ESTIMATOR_FILE = "estimator.skops"
BOOSTER_FILE = "booster.txt"
MODEL_FILE = "model.json"
REFERENCE_FILE = "reference.json"

Scores = npt.NDArray[np.float64]


class Transformer(Protocol):
    """Turns a typed frame of input columns into the matrix of encoded features."""

    def transform(self, frame: pd.DataFrame) -> Scores: ...


class Estimator(Protocol):
    """Gives [n, 2] probabilities of label 0 and label 1."""

    def predict_proba(self, X: npt.NDArray[np.float64]) -> Scores: ...


@dataclass(frozen=True)
class BundleInfo:
    """What a bundle says about itself.

    `columns` are the input columns in the order of a request; `feature_sources` names the input column of each encoded
    feature. `rounds` counts the rounds of an estimator that grows, else None. `converged` is False when an iterative
    fit stopped at its limit. `needs_sensitive_at_prediction` and `randomised` tell the server what decisions depend on.
    """

    dataset: str
    title: str
    estimator: str
    threshold: float
    threshold_rule: str
    favourable: Literal["positive", "negative"]
    positive_name: str
    negative_name: str
    columns: tuple[ColumnSchema, ...]
    feature_names: tuple[str, ...]
    feature_sources: tuple[str, ...]
    uses_sensitive: bool
    rounds: int | None
    training_rows: int
    needs_sensitive_at_prediction: bool = False
    randomised: bool = False
    converged: bool = True

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content."""
        return asdict(self)

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> "BundleInfo":
        """Inverse of :meth:`to_dict`."""
        values = dict(content)
        values["columns"] = tuple(column_from_dict(column) for column in values["columns"])
        values["feature_names"] = tuple(values["feature_names"])
        values["feature_sources"] = tuple(values["feature_sources"])
        return BundleInfo(**values)


@dataclass(frozen=True)
class ModelBundle:
    """A model that scores rows: transformer, estimator and what is known about them."""

    info: BundleInfo
    transformer: Transformer
    estimator: Estimator

    def encode(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the encoded features [n, k] of a typed frame with the columns of `info.columns`."""
        return self.transformer.transform(frame)

    def score_encoded(self, X: npt.NDArray[np.float64]) -> Scores:
        """Return [n] probabilities of the positive event for encoded features [n, k]."""
        return positive_scores(self.estimator, X)

    def score(self, frame: pd.DataFrame) -> Scores:
        """Return [n] probabilities of the positive event for a typed frame."""
        return self.score_encoded(self.encode(frame))

    def decide(self, scores: Scores) -> npt.NDArray[np.int8]:
        """Return [n] decisions: 1 exactly where `score >= info.threshold`."""
        return (np.asarray(scores) >= self.info.threshold).astype(np.int8)

    def contributions(self, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
        """Return [n, k + 1] exact contributions in log-odds, the last column the base value.

        None where the estimator has no exact contributions of its own.
        """
        if isinstance(self.estimator, BoostedTrees):
            return self.estimator.contributions(X)
        return None


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
        _write_estimator(new, bundle.estimator)
        bundle_files.write_exact_json(new / MODEL_FILE, bundle.info.to_dict())
        golden_rows.write_golden(new, golden, bundle.info.columns, bundle.score(golden_rows.first_rows(golden)))
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
        a golden row gets another score.
    """
    bundle_files.check_manifest(folder)
    bundle = ModelBundle(_read_info(folder), read_transformer(folder / TRANSFORMER_FILE), _read_estimator(folder))
    if verify:
        golden_rows.check_golden(folder, bundle.info.columns, bundle.score)
    return bundle


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
    return _read_info(folder)


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


def _write_estimator(folder: Path, estimator: Estimator) -> None:
    if isinstance(estimator, BoostedTrees):
        estimator.write(folder / BOOSTER_FILE)
    else:
        write_object(folder / ESTIMATOR_FILE, estimator)


def _read_info(folder: Path) -> BundleInfo:
    try:
        return BundleInfo.from_dict(bundle_files.read_exact_json(folder / MODEL_FILE))
    except (KeyError, TypeError) as error:
        raise BundleError(f"{MODEL_FILE} lacks or has unknown fields: {error}. Train the model again.") from error


def _read_estimator(folder: Path) -> Estimator:
    if (folder / BOOSTER_FILE).exists():
        return read_boosted_trees(folder / BOOSTER_FILE)
    if not (folder / ESTIMATOR_FILE).exists():
        raise BundleError(f"{folder} holds neither {ESTIMATOR_FILE} nor {BOOSTER_FILE}. Train the model again.")
    estimator: Any = read_object(folder / ESTIMATOR_FILE, STORED_TYPES)
    if not hasattr(estimator, "predict_proba"):
        raise BundleError(f"{folder / ESTIMATOR_FILE} holds a {type(estimator).__name__}, no estimator. Train again.")
    return estimator
