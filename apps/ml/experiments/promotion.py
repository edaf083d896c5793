"""Making a version the champion by hand, and taking that back.

A promotion compares with the present champion, a roll back does not: taking a model out of service must not wait for a
judgement, and the version that comes back was judged when it became champion.
"""

from dataclasses import dataclass
from typing import Any

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import BadInputError, RegistryError
from apps.ml.evaluation.gates.judging import Verdict
from apps.ml.experiments import registry, tags
from apps.ml.experiments.champion_comparison import (
    ChampionComparison,
    compare_with_champion,
    log_comparison,
    present_champion,
)
from apps.ml.experiments.registry import Version
from apps.ml.experiments.runs import find_run
from apps.ml.experiments.tracking import TrackingStore


@dataclass(frozen=True)
class Promotion:
    """What became of a wish to promote. `version` is None where a run was refused before it got one.

    `verdict` is that of gates, guards and policy or, where these pass, of the comparison with the champion, which is
    None where it was not made: the version is the champion, or was refused before.
    """

    promoted: bool
    verdict: Verdict
    version: Version | None
    comparison: ChampionComparison | None = None


def promote_version(
    store: TrackingStore,
    name: str,
    number: str,
    reason: str = "",
    override: bool = False,
    paths: ArtifactPaths = ArtifactPaths(),  # noqa: B008 (frozen)
) -> Promotion:
    """Make a version the champion if its verdict and the comparison with the champion allow it, or by an override.

    Parameters
    ----------
    paths
        Where the test rows of the version and params.yaml are.

    Raises
    ------
    BadInputError
        An override without a reason.
    RegistryError
        There is no such version.
    """
    version = registry.find_version(store, name, number)
    run = store.client.get_run(version.run_id)
    return _promote(store, run, version, version.verdict, reason, override, paths)


def promote_run(
    store: TrackingStore,
    name: str,
    reference: str,
    reason: str = "",
    override: bool = False,
    paths: ArtifactPaths = ArtifactPaths(),  # noqa: B008 (frozen)
) -> Promotion:
    """Register the model of a run (by id or DVC experiment) and promote it; a refused run is not registered.

    Parameters as for :func:`promote_version`.

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
    return _promote(store, run, None, registry.verdict_in(run.data.tags), reason, override, paths)


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


def _promote(
    store: TrackingStore,
    run: Any,
    version: Version | None,
    verdict: Verdict,
    reason: str,
    override: bool,
    paths: ArtifactPaths,
) -> Promotion:
    if override and not reason.strip():
        raise BadInputError("An override needs a reason that stays with the version. Add --reason TEXT.")
    if verdict != "PASS" and not override:
        return Promotion(False, verdict, version)
    comparison = _comparison(store, run, version, paths)
    refused = comparison is not None and not comparison.promotes
    said = comparison.verdict if verdict == "PASS" and comparison is not None and refused else verdict
    allowed = override or not refused
    chosen = version or (registry.version_of_run(store, run)[0] if allowed else None)
    if comparison is not None:
        log_comparison(store, comparison, run.info.run_id, chosen)
    if chosen is None or not allowed:
        return Promotion(False, said or verdict, version, comparison)
    _mark(store, chosen, reason, said if override else None)
    registry.make_champion(store, chosen)
    return Promotion(True, said or verdict, registry.find_version(store, chosen.name, chosen.number), comparison)


def _comparison(
    store: TrackingStore, run: Any, version: Version | None, paths: ArtifactPaths
) -> ChampionComparison | None:
    """Compare with the champion; None where the run's own version is the champion."""
    champion = present_champion(store, run.data.tags[tags.DATASET])
    number = version.number if version is not None else None
    if champion is not None and (champion.number == number or champion.run_id == run.info.run_id):
        return None
    return compare_with_champion(store, run, paths)


def _mark(store: TrackingStore, version: Version, reason: str, overridden: Verdict | None) -> None:
    """Say on a version why it was promoted and which verdict was overridden; it is no longer rolled back."""
    if tags.ROLLED_BACK in version.tags:
        store.client.delete_model_version_tag(version.name, version.number, tags.ROLLED_BACK)
    needed = overridden if overridden != "PASS" else None
    for tag, value in {tags.REASON: reason.strip(), tags.OVERRIDE: needed}.items():
        if value:
            store.client.set_model_version_tag(version.name, version.number, tag, value)
