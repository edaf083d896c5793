"""Promotions and roll backs: by the rules of the experiments, under the store's lock, recorded before they are done."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.deployment.observation.logs import LOGGER
from apps.ml.deployment.protection.admin_log import DONE, AdminLog
from apps.ml.deployment.requests.error_shape import Misfit
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.errors import BadInputError, RegistryError
from apps.ml.evidence_service.etags import Expected
from apps.ml.evidence_service.registry import refused
from apps.ml.evidence_service.registry.published_runs import PublishedRuns
from apps.ml.evidence_service.registry.shapes import Promoted, RolledBack
from apps.ml.evidence_service.registry.store_work import Turn
from apps.ml.evidence_service.registry.version_details import registration_of
from apps.ml.evidence_service.registry.version_reading import version_named, versions_named
from apps.ml.experiments import registry, tags
from apps.ml.experiments.champion_comparison import present_champion
from apps.ml.experiments.promotion import Promotion, promote_version, roll_back
from apps.ml.experiments.registry import Version
from apps.ml.experiments.tracking import TrackingStore

BEGUN = "begun"
JUDGED_SECTIONS = {"gates": "gate", "guards": "guard", "policy": "policy"}


@dataclass(frozen=True)
class Act:
    """Who wants something done, and why.

    `actor`: as the admin log names keys; `request`: the id of the request; `expected`: of the champion's version.
    """

    actor: str
    reason: str
    request: str | None
    expected: Expected

    @property
    def signed_reason(self) -> str:
        """What stays with the version."""
        return f"{self.reason} ({self.actor})"


class Acts:
    """Does acts in the thread that asks.

    Parameters
    ----------
    adminlog
        Where acts are recorded; None: only the tags of the version tell of them.
    workspace
        Where params.yaml and the test rows of the candidate are.
    runs
        Where reasons of verdicts are read from.
    """

    def __init__(self, adminlog: AdminLog | None, workspace: Path, runs: PublishedRuns) -> None:
        self._adminlog, self._paths, self._runs = adminlog, ArtifactPaths(workspace), runs

    def promote(self, store: TrackingStore, model: str, number: str, act: Act, turn: Turn) -> Promoted:
        """Make a version the champion if verdict and comparison allow it; nothing is done for the one that is.

        Raises
        ------
        RefusalError
            404 there is no such version; 409 it may not become champion; 412 another champion is expected; 503 the act
            cannot be recorded, or its caller no longer waits.
        """
        version_named(store, model, number)
        with store.locked():
            _require_turn(turn)
            version = version_named(store, model, number)
            if tags.CHAMPION_ALIAS not in version.aliases:
                _require_champion(store, model, act)
                with self._recorded("promote", f"{model}/{number}", act):
                    version = self._promoted(store, version, act)
            previous = _champion_before(store, version)
        return Promoted(model=model, version=number, promoted=True, previous=previous, verdict=version.verdict)

    def roll_back(self, store: TrackingStore, model: str, act: Act, turn: Turn) -> RolledBack:
        """Make the champion before the present one champion again.

        Raises
        ------
        RefusalError
            404 there is no such model; 409 it had no champion before; 412, 503 as for a promotion.
        """
        versions_named(store, model)
        with store.locked():
            _require_turn(turn)
            _require_champion(store, model, act)
            with self._recorded("roll back", model, act):
                try:
                    left, came = roll_back(store, model, act.signed_reason)
                except RegistryError:
                    raise refused.nothing_before() from None
        return RolledBack(model=model, left=left.number, came=came.number)

    def _promoted(self, store: TrackingStore, version: Version, act: Act) -> Version:
        try:
            done = promote_version(store, version.name, version.number, act.signed_reason, paths=self._paths)
        except BadInputError as error:
            raise refused.not_promoted(
                f"INCONCLUSIVE, the comparison with the champion cannot be made: {error}"
            ) from None
        if not done.promoted or done.version is None:
            raise self._refusal(store, version, done)
        return done.version

    def _refusal(self, store: TrackingStore, version: Version, done: Promotion) -> RefusalError:
        found = done.comparison
        if found is not None:
            why = f"beside the champion, version {found.champion}, it is {done.verdict}: {_ended(found.reason)}"
            return refused.not_promoted(why, _misfits(found.details))
        registration = registration_of(self._runs.of(store, version))
        why = f"its verdict is {done.verdict}: {_ended(str(registration.get('reason', 'nothing was judged')))}"
        return refused.not_promoted(why, _misfits(registration))

    @contextmanager
    def _recorded(self, action: str, target: str, act: Act) -> Iterator[None]:
        """Record that an act begins, which it must be, and what came of it."""
        if self._adminlog is None:
            yield
            return
        try:
            self._adminlog.record(act.actor, action, target, act.request, f"{BEGUN}: {act.reason}")
        except SQLAlchemyError as error:
            LOGGER.warning("the admin log does not answer", error=type(error).__name__)
            raise refused.unrecorded() from None
        result = "failed"
        try:
            yield
            result = DONE
        except RefusalError as error:
            result = f"refused: {error.status.value} {error.code}"
            raise
        finally:
            self._note_end(self._adminlog, action, target, act, result)

    def _note_end(self, adminlog: AdminLog, action: str, target: str, act: Act, result: str) -> None:
        """For what cannot be undone any more: the act stands, and the server's log says that its end is unrecorded."""
        try:
            adminlog.record(act.actor, action, target, act.request, result)
        except SQLAlchemyError as error:
            LOGGER.warning("the end of an act was not recorded", error=type(error).__name__)


def _require_turn(turn: Turn) -> None:
    if not turn.begin():
        raise refused.not_begun()


def _require_champion(store: TrackingStore, model: str, act: Act) -> None:
    champion = present_champion(store, model)
    if not act.expected.holds(None if champion is None else champion.number):
        raise refused.champion_moved()


def _champion_before(store: TrackingStore, version: Version) -> str | None:
    """Return the version to which a roll back would go."""
    existing = {one.number for one in registry.list_versions(store, version.name)}
    earlier = [one for one in registry.champions(store, version.name) if one in existing and one != version.number]
    return earlier[-1] if earlier else None


def _misfits(judged: Mapping[str, Any]) -> list[Misfit]:
    """Return what did not pass, by name."""
    return [
        refused.problem(
            f"{kind} '{name}'", f"{one['verdict']}: {one.get('reason', 'no reason was given')}", _limit(one)
        )
        for section, kind in JUDGED_SECTIONS.items()
        for name, one in judged.get(section, {}).items()
        if one["verdict"] != "PASS"
    ]


def _limit(judged: Mapping[str, Any]) -> str | None:
    if judged.get("limit") is None:
        return None
    return f"{str(judged.get('direction', 'at_least')).replace('_', ' ')} {judged['limit']:g}"


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
