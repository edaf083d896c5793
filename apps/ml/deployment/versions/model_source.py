"""Where a served model comes from: a registry address or the folder of a bundle."""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from apps.ml.artifact_paths import PARAMETERS_FILE
from apps.ml.deployment.versions import registry_versions
from apps.ml.deployment.versions.checked_bundle import CheckedBundle, checked_bundle
from apps.ml.deployment.versions.registry_versions import RegisteredVersion
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.errors import BadInputError, BundleError
from apps.ml.evaluation.explanations.basis_file import StoredBasis, read_basis
from apps.ml.models.bundle_files import MANIFEST_FILE
from apps.ml.parameters import read_parameters
from apps.ml.tracking_address import EVIDENCE_TAG

MODEL_VARIABLE = "FAIRMIND_MODEL"
SCHEME = "models:/"
FORMS = f"{SCHEME}<name>@<alias>, {SCHEME}<name>/<version> or the folder of a bundle"
REGISTERED = re.compile(r"models:/+(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>[1-9][0-9]*))")


class ModelSource(Protocol):
    """Something that a served model can be loaded from, again and again."""

    @property
    def address(self) -> str:
        """How people write this source."""

    def load(self) -> ServedModel:
        """Load and verify the model; golden rows included.

        Raises
        ------
        RegistryError
            The registry has no such model, version or alias.
        BundleError
            What was found is not a bundle, is damaged, does not reproduce its golden rows, or is a model that the
            server's policy forbids.
        ServiceUnavailableError
            The registry does not answer.
        """


@dataclass(frozen=True)
class FolderSource:
    """A bundle's folder, or the folder of an MLflow model that holds a bundle."""

    folder: Path
    policy: ServingPolicy = ServingPolicy()  # noqa: RUF009 (frozen)

    @property
    def address(self) -> str:
        """The folder as it was given."""
        return str(self.folder)

    def load(self) -> ServedModel:
        """See :meth:`ModelSource.load`."""
        checked = checked_bundle(find_bundle(self.folder), self.policy, self.address)
        return ServedModel(
            name=checked.bundle.info.dataset,
            version=None,
            alias=None,
            evidence=None,
            evidence_missing="the model was loaded from a folder; a version of the registry carries its evidence",
            bundle_digest=checked.digest,
            bundle=checked.bundle,
            scorer=checked.scorer,
            address=self.address,
            warm_up=checked.warm_up,
        )


@dataclass(frozen=True)
class RegistrySource:
    """A version or an alias in the registry; exactly one of `version` and `alias` is given."""

    name: str
    version: str | None = None
    alias: str | None = None
    policy: ServingPolicy = ServingPolicy()  # noqa: RUF009 (frozen)

    @property
    def address(self) -> str:
        """The registry address."""
        return f"{SCHEME}{self.name}@{self.alias}" if self.alias else f"{SCHEME}{self.name}/{self.version}"

    def named_version(self) -> RegisteredVersion:
        """Ask the registry which version this address means now.

        Raises
        ------
        RegistryError
            The registry has no such model, version or alias.
        ServiceUnavailableError
            The registry does not answer.
        """
        return registry_versions.find_version(self.name, self.version, self.alias)

    def load(self) -> ServedModel:
        """See :meth:`ModelSource.load`. An alias is resolved to the version that is then named everywhere."""
        return self.load_version(self.named_version())

    def load_version(self, version: RegisteredVersion) -> ServedModel:
        """Fetch and verify the version that :meth:`named_version` found.

        Raises
        ------
        BundleError
            See :meth:`ModelSource.load`.
        ServiceUnavailableError
            The files cannot be had.
        """
        address = f"{SCHEME}{self.name}/{version.number}"
        with registry_versions.downloaded_bundle(version) as folder:
            try:
                checked = checked_bundle(folder, self.policy, self.address)
            except BundleError as error:
                raise BundleError(str(error).replace(str(folder), address)) from error
        missing = None if version.evidence else f"the version has no tag {EVIDENCE_TAG}"
        basis, trouble = _basis(version, checked)
        return ServedModel(
            name=self.name,
            version=version.number,
            alias=self.alias,
            evidence=version.evidence,
            evidence_missing=missing,
            bundle_digest=checked.digest,
            bundle=checked.bundle,
            scorer=checked.scorer,
            address=address,
            warm_up=checked.warm_up,
            basis=basis,
            basis_trouble=trouble,
        )

    def adopt(self, model: ServedModel) -> ServedModel:
        """Return a version that is in memory already as this address names it.

        Raises
        ------
        BundleError
            The policy of this source forbids it.
        """
        self.policy.require_permitted(model.bundle.info, self.address)
        return model if model.alias == self.alias else replace(model, alias=self.alias)


def _basis(version: RegisteredVersion, checked: CheckedBundle) -> tuple[StoredBasis | None, str | None]:
    """Return the basis of explanations that a version brings, or why it is not used; neither where it brings none.

    Answers do not need it: a version whose basis is damaged serves, and is explained as one without.
    """
    if version.basis is None:
        return None, None
    try:
        content = registry_versions.downloaded_basis(version)
        name = f"{registry_versions.BASIS_IN_MODEL} of {SCHEME}{version.name}/{version.number}"
        return read_basis(content, name, len(checked.bundle.info.columns), checked.digest), None
    except BundleError as error:
        return None, str(error)


def model_source(address: str, policy: ServingPolicy = ServingPolicy()) -> ModelSource:  # noqa: B008 (frozen)
    """Turn what a person wrote into a source; :class:`BadInputError` for a registry address of another form."""
    if not address.startswith(SCHEME):
        return FolderSource(Path(address), policy)
    match = REGISTERED.fullmatch(address)
    if match is None:
        raise BadInputError(f"'{address}' is not an address of a model. Write {FORMS}.")
    return RegistrySource(match["name"], match["version"], match["alias"], policy)


def default_address() -> str:
    """Return FAIRMIND_MODEL, or the champion of the data set that params.yaml in the current folder names."""
    named = os.environ.get(MODEL_VARIABLE)
    return named or f"{SCHEME}{read_parameters(PARAMETERS_FILE).data_processing.dataset}@champion"


def find_bundle(folder: Path) -> Path:
    """Return the bundle in `folder`: the folder itself, or the bundle inside an MLflow model."""
    for candidate in (folder, folder / registry_versions.BUNDLE_IN_MODEL):
        if (candidate / MANIFEST_FILE).is_file():
            return candidate
    raise BundleError(f"{folder} holds no bundle: there is no {MANIFEST_FILE}. Name {FORMS}.")
