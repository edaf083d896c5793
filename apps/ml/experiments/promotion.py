"""Making a version the champion by hand, and taking that back."""

from dataclasses import dataclass
from typing import Any

from apps.ml.errors import BadInputError, RegistryError
from apps.ml.evaluation.gates import Verdict
from apps.ml.experiments import registry, tags
from apps.ml.experiments.registry import Version
from apps.ml.experiments.runs import find_run
from apps.ml.experiments.tracking import TrackingStore


@dataclass(frozen=True)
class Promotion:
    """What became of a wish to promote. `version` is None where a run was refused before it got one."""

    promoted: bool
    verdict: Verdict
    version: Version | None


def promote_version(
    store: TrackingStore, name: str, number: str, reason: str = "", override: bool = False
) -> Promotion:
    """Make a version of the registry the champion if its gates pass, or if they are overridden with a reason.

    Raises
    ------
    BadInputError
        An override without a reason.
    RegistryError
        There is no such version.
    """
    version = registry.find_version(store, name, number)
    if not _allowed(version.verdict, override, reason):
        return Promotion(False, version.verdict, version)
    return _promote(store, version, reason, override)


def promote_run(store: TrackingStore, name: str, reference: str, reason: str = "", override: bool = False) -> Promotion:
    """Register the model of a run (by id or DVC experiment) and promote it; a refused run is not registered.

    Raises
    ------
    BadInputError
        An override without a reason.
    RegistryError
        There is no such run, or it is one of another data set.
    """
    run = find_run(store, reference)
    dataset = run.data.tags.get(tags.DATASET)
    if dataset != name:
        raise RegistryError(f"'{reference}' is a run of the data set '{dataset}', not of '{name}'. Name that model.")
    verdict = registry.verdict_in(run.data.tags)
    if not _allowed(verdict, override, reason):
        return Promotion(False, verdict, None)
    version, _ = registry.version_of_run(store, run)
    return _promote(store, version, reason, override)


def roll_back(store: TrackingStore, name: str, reason: str = "") -> tuple[Version, Version]:
    """Make the champion before the present one champion again; return the one that left and the one that came.

    The one that left is marked: publishing it again does not make it champion, promoting it by hand does.

    Raises
    ------
    RegistryError
        There is no such model, no champion, or none before it.
    """
    present = registry.find_version(store, name)
    existing = {version.number: version for version in registry.list_versions(store, name)}
    earlier = [number for number in registry.champions(store, name) if number in existing]
    while earlier and earlier[-1] == present.number:
        earlier.pop()
    if not earlier:
        raise RegistryError(
            f"The model '{name}' had no champion before version {present.number}. "
            f"`fairmind models promote {name} --version N` names another."
        )
    store.client.set_model_version_tag(name, present.number, tags.ROLLED_BACK, reason or "true")
    registry.write_champions(store, name, earlier)
    store.client.set_registered_model_alias(name, tags.CHAMPION_ALIAS, earlier[-1])
    return registry.find_version(store, name, present.number), registry.find_version(store, name, earlier[-1])


def _allowed(verdict: Verdict, override: bool, reason: str) -> bool:
    if override and not reason.strip():
        raise BadInputError("An override needs a reason that stays with the version. Add --reason TEXT.")
    return verdict == "PASS" or override


def _promote(store: TrackingStore, version: Version, reason: str, override: bool) -> Promotion:
    if tags.ROLLED_BACK in version.tags:
        store.client.delete_model_version_tag(version.name, version.number, tags.ROLLED_BACK)
    for tag, value in _marks(version, reason, override).items():
        store.client.set_model_version_tag(version.name, version.number, tag, value)
    registry.make_champion(store, version)
    return Promotion(True, version.verdict, registry.find_version(store, version.name, version.number))


def _marks(version: Version, reason: str, override: bool) -> dict[str, Any]:
    needed = override and version.verdict != "PASS"
    marks = {tags.REASON: reason.strip(), tags.OVERRIDE: version.verdict if needed else ""}
    return {tag: value for tag, value in marks.items() if value}
