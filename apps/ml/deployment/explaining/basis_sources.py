"""Where the basis of a served version is found: a file of the server, the working tree, or the bundle's own summary."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_schema, read_split
from apps.ml.deployment.explaining.basis import Basis, basis_of_rows
from apps.ml.deployment.explaining.basis_file import read_basis, write_basis
from apps.ml.deployment.explaining.profile_rows import profile_rows
from apps.ml.deployment.versions import registry_versions
from apps.ml.deployment.versions.model_source import REGISTERED, find_bundle
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.errors import FairMindError
from apps.ml.evaluation.explanations.contributions.exact import explains_exactly
from apps.ml.evaluation.explanations.scored_model import BACKGROUND_ROWS, FloatArray, sample_rows
from apps.ml.features.tables import read_features
from apps.ml.files import sha256_of_file
from apps.ml.models.bundle import ModelBundle, read_bundle, read_reference
from apps.ml.models.bundle_files import MANIFEST_FILE
from apps.ml.models.parts.part import ExplainedPart
from apps.ml.parameters import Explanations, read_parameters
from apps.ml.prediction_log.state_folder import state_folder

PROFILE_SETTINGS = Explanations(reason_method="below_average_of_applicants")
PROFILE_SEED = 0
FROM_TRAINING = "the training rows, as in the evidence"
FROM_PROFILE = "the summary of the training rows in the bundle, column by column"


def basis_for(model: ServedModel, paths: ArtifactPaths = ArtifactPaths()) -> Basis | None:  # noqa: B008 (frozen)
    """Return the basis of a served version: that of the evidence where it can be had, else that of the profile.

    Looked for in this order: :func:`basis_path`; the training rows in the working tree below `paths`, if its bundle is
    the served one; `reference.json` of the bundle. None where there is none of them.

    Raises
    ------
    FairMindError
        What was found is not sound.
    """
    file = basis_path(model.bundle_digest)
    if file.is_file():
        return read_basis(file, model.bundle, model.bundle_digest)
    if _is_of_working_tree(model.bundle_digest, paths):
        return training_basis(model.bundle, paths)
    return _profile_basis(model)


def basis_path(bundle_digest: str) -> Path:
    """Return where a server looks for the file of a bundle: below FAIRMIND_STATE_DIR."""
    return state_folder() / "explaining" / f"{bundle_digest}.json"


def training_basis(bundle: ModelBundle, paths: ArtifactPaths) -> Basis:
    """Return the basis that the evidence of the working tree's bundle was measured with."""
    parameters = read_parameters(paths.parameters).model_evaluation
    settings, seed = parameters.explanations, parameters.seed
    training, attributes = read_split(paths.processed, "train"), read_schema(paths.processed).attributes
    background = None
    if needs_background(bundle):
        features = read_features(paths.features, "train").to_numpy(dtype=np.float64)
        encoded = bundle.with_group(features, training.groups)
        background = _sampled(encoded, settings.background_rows, seed)
    reference = training.inputs(bundle.info.columns)
    return basis_of_rows(bundle, reference, background, attributes, settings, seed, FROM_TRAINING)


def needs_background(bundle: ModelBundle) -> bool:
    """Whether contributions are explained against rows: by every method but those of trees and of parts of our own."""
    estimator = bundle.estimator
    return not isinstance(estimator, ExplainedPart) and not (
        explains_exactly(estimator) and (hasattr(estimator, "estimators_") or hasattr(estimator, "_predictors"))
    )


def write_working_basis(paths: ArtifactPaths = ArtifactPaths()) -> Path:  # noqa: B008 (frozen)
    """Write the basis of the working tree's bundle where a server looks for it, and return the file."""
    digest = sha256_of_file(paths.bundle / MANIFEST_FILE)
    file = basis_path(digest)
    write_basis(file, training_basis(read_bundle(paths.bundle, verify=False), paths), digest)
    return file


def _is_of_working_tree(bundle_digest: str, paths: ArtifactPaths) -> bool:
    manifest, rows = paths.bundle / MANIFEST_FILE, paths.processed / "train.parquet"
    return manifest.is_file() and rows.is_file() and sha256_of_file(manifest) == bundle_digest


def _profile_basis(model: ServedModel) -> Basis | None:
    reference = _reference(model)
    rows = None if reference is None else profile_rows(reference, model.bundle.info.columns, PROFILE_SEED)
    if rows is None:
        return None
    background = _sampled(model.bundle.encode(rows), PROFILE_SETTINGS.background_rows, PROFILE_SEED)
    return basis_of_rows(model.bundle, rows, background, (), PROFILE_SETTINGS, PROFILE_SEED, FROM_PROFILE)


def _reference(model: ServedModel) -> dict[str, Any] | None:
    """The bundle's summary, read from where the model came from, if the same bundle is still there."""
    try:
        with _bundle_folder(model) as folder:
            if sha256_of_file(folder / MANIFEST_FILE) != model.bundle_digest:
                return None
            return read_reference(folder)
    except (FairMindError, OSError):
        return None


@contextmanager
def _bundle_folder(model: ServedModel) -> Iterator[Path]:
    registered = REGISTERED.fullmatch(model.address)
    if registered is None:
        yield find_bundle(Path(model.address))
        return
    version = registry_versions.find_version(registered["name"], registered["version"], registered["alias"])
    with registry_versions.downloaded_bundle(version) as folder:
        yield folder


def _sampled(rows: FloatArray, wanted: int, seed: int) -> FloatArray:
    return rows[sample_rows(len(rows), wanted, seed, BACKGROUND_ROWS)]


if __name__ == "__main__":
    print(write_working_basis())
