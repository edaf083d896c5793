"""Where the basis of a served version is found: the server's own file, the version itself, the working tree, or the
bundle's summary of its training rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_schema, read_split
from apps.ml.deployment.explaining.basis import decision_rule
from apps.ml.deployment.explaining.profile_rows import profile_rows
from apps.ml.deployment.versions import registry_versions
from apps.ml.deployment.versions.model_source import REGISTERED, find_bundle
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.errors import BundleError, FairMindError
from apps.ml.evaluation.explanations.basis import (
    FROM_TRAINING,
    Background,
    Basis,
    basis_of_rows,
    needs_background,
    training_background,
)
from apps.ml.evaluation.explanations.basis_file import read_basis
from apps.ml.evaluation.explanations.scored_model import BACKGROUND_ROWS, sample_rows
from apps.ml.features.tables import read_features
from apps.ml.files import sha256_of_file, whole_file
from apps.ml.models.bundle import ModelBundle, read_bundle, read_reference
from apps.ml.models.bundle_files import MANIFEST_FILE
from apps.ml.parameters import Explanations, read_parameters
from apps.ml.prediction_log.state_folder import state_folder

PROFILE_SETTINGS = Explanations(reason_method="below_average_of_applicants")
PROFILE_SEED = 0
FROM_PROFILE = "the summary of the training rows in the bundle, column by column"
PROFILE_BACKGROUND = "rows made of the bundle's summary of the training rows"


def basis_for(model: ServedModel, paths: ArtifactPaths = ArtifactPaths()) -> Basis | None:  # noqa: B008 (frozen)
    """Return the basis of a served version: that of the evidence where it can be had, else that of the profile.

    Looked for in this order: :func:`basis_path`; what the version itself brings; the training rows in the working tree
    below `paths`, if its bundle is the served one; `reference.json` of the bundle. None where there is none of them.

    Raises
    ------
    FairMindError
        What was found is not sound.
    """
    file = basis_path(model.bundle_digest)
    if file.is_file():
        columns = len(model.bundle.info.columns)
        stored = read_basis(file.read_bytes(), str(file), columns, model.bundle_digest)
        return _completed(stored.of_rule(decision_rule(model.bundle)), model)
    if model.basis is not None:
        return _completed(model.basis.of_rule(decision_rule(model.bundle)), model)
    if _is_of_working_tree(model.bundle_digest, paths):
        return training_basis(model.bundle, paths)
    return _profile_basis(model)


def basis_path(bundle_digest: str) -> Path:
    """Return where a server looks for the file of a bundle: below FAIRMIND_STATE_DIR."""
    return state_folder() / "explaining" / f"{bundle_digest}.json"


def training_basis(bundle: ModelBundle, paths: ArtifactPaths) -> Basis:
    """Return the basis that the evidence of the working tree's bundle was measured with."""
    parameters = read_parameters(paths.parameters).model_evaluation
    training, attributes = read_split(paths.processed, "train"), read_schema(paths.processed).attributes
    background = None
    if needs_background(bundle.estimator):
        features = read_features(paths.features, "train").to_numpy(dtype=np.float64)
        background = training_background(bundle.with_group(features, training.groups), parameters)
    reference, settings = training.inputs(bundle.info.columns), parameters.explanations
    return basis_of_rows(
        decision_rule(bundle), reference, background, attributes, settings, parameters.seed, FROM_TRAINING
    )


def write_working_basis(paths: ArtifactPaths = ArtifactPaths()) -> Path:  # noqa: B008 (frozen)
    """Copy what the evaluation of the working tree's bundle wrote to where a server looks for it; return that file.

    Raises
    ------
    BundleError
        There is none, or it is another bundle's.
    """
    digest = sha256_of_file(paths.bundle / MANIFEST_FILE)
    if not paths.explanation_basis.is_file():
        raise BundleError(f"{paths.explanation_basis} does not exist. Run `dvc repro`: the evaluation writes it.")
    content = paths.explanation_basis.read_bytes()
    columns = len(read_bundle(paths.bundle, verify=False).info.columns)
    read_basis(content, str(paths.explanation_basis), columns, digest)
    file = basis_path(digest)
    with whole_file(file) as temporary:
        temporary.write_bytes(content)
    return file


def _is_of_working_tree(bundle_digest: str, paths: ArtifactPaths) -> bool:
    manifest, rows = paths.bundle / MANIFEST_FILE, paths.processed / "train.parquet"
    return manifest.is_file() and rows.is_file() and sha256_of_file(manifest) == bundle_digest


def _completed(basis: Basis, model: ServedModel) -> Basis:
    """Give a basis that travelled without a background the one of the profile, where contributions need one."""
    if basis.background is not None or not needs_background(model.bundle.estimator):
        return basis
    rows = _rows_of_profile(model)
    return basis if rows is None else replace(basis, background=_profile_background(model, rows))


def _profile_basis(model: ServedModel) -> Basis | None:
    rows = _rows_of_profile(model)
    if rows is None:
        return None
    background = _profile_background(model, rows)
    rule = decision_rule(model.bundle)
    return basis_of_rows(rule, rows, background, (), PROFILE_SETTINGS, PROFILE_SEED, FROM_PROFILE)


def _profile_background(model: ServedModel, rows: pd.DataFrame) -> Background:
    encoded = model.bundle.encode(rows)
    drawn = sample_rows(len(encoded), PROFILE_SETTINGS.background_rows, PROFILE_SEED, BACKGROUND_ROWS)
    return Background(encoded[drawn], PROFILE_BACKGROUND)


def _rows_of_profile(model: ServedModel) -> pd.DataFrame | None:
    reference = _reference(model)
    return None if reference is None else profile_rows(reference, model.bundle.info.columns, PROFILE_SEED)


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


if __name__ == "__main__":
    print(write_working_basis())
