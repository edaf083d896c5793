"""An alias is moved while a server runs: to a good version, to bad ones, back, and while the registry is away."""

import gc
import logging
import threading
import weakref
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from apps.ml.deployment.observation.logs import SERVER_LOGGER
from apps.ml.deployment.requests.caller import Asked, Caller
from apps.ml.deployment.versions.kept_versions import KeptVersions
from apps.ml.deployment.versions.model_source import FolderSource, RegistrySource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.deployment.versions.slot_facts import SwapFacts
from apps.ml.errors import BundleError
from apps.ml.models.bundle import read_bundle
from apps.ml.tests.code.deployment.conftest import loan_rows
from apps.ml.tests.code.deployment.versions.published import BAD, EVIDENCE, NAME, Registry
from apps.ml.tests.protected_server import until

ASKED = Asked(Caller(), "predict")
ROWS: pd.DataFrame = loan_rows(8, seed=5)[0]
SWAPS = 20
ASKERS = 4
PAUSE_SECONDS = 0.002
VALUE = "a value of a person"


def shelf_of(alias: str, kept: KeptVersions | None = None) -> Shelf:
    """Return a shelf over one alias, filled."""
    shelf = Shelf([RegistrySource(NAME, alias=alias)], kept=kept)
    shelf.refresh()
    return shelf


@pytest.fixture(scope="session")
def expected(published: Registry, bundle_folder: Path, second_bundle_folder: Path) -> dict[str | None, list[float]]:
    """Number of the version → the scores of ROWS, by bundles that no server read."""
    folders = {"first": bundle_folder, "second": second_bundle_folder}
    return {published.versions[word]: read_bundle(folder).score(ROWS).tolist() for word, folder in folders.items()}


def test_an_alias_that_moves_is_followed_and_one_that_rests_is_left_alone(registry: Registry) -> None:
    registry.point("moving", "first")
    shelf = shelf_of("moving")
    first = shelf.slots[0].served()
    assert shelf.refresh() == []
    assert shelf.slots[0].served() is first
    registry.point("moving", "second")
    (swap,) = shelf.refresh()
    assert (swap.model, swap.before, swap.after, swap.was_warm) == (NAME, "1", "2", False)
    served = shelf.choose(ASKED).model
    assert (served.version, served.alias, served.evidence) == ("2", "moving", EVIDENCE)
    assert swap.seconds == shelf.slots[0].seconds
    assert swap.seconds > 0


def test_a_version_is_warmed_up_before_it_answers(registry: Registry) -> None:
    registry.point("warmed", "first")
    warm_up = shelf_of("warmed").slots[0].served().warm_up
    assert warm_up is not None
    assert warm_up.rows == 32
    assert warm_up.seconds > 0


@dataclass
class Asker:
    """Asks until it is told to stop; `wrong`: answers that are not whole, `versions`: who answered."""

    shelf: Shelf
    expected: dict[str | None, list[float]]
    stop: threading.Event
    answers: int = 0
    wrong: list[str] = field(default_factory=list)
    versions: set[str | None] = field(default_factory=set)

    def __call__(self) -> None:
        while not self.stop.wait(PAUSE_SECONDS):
            chosen = self.shelf.choose(ASKED)
            scores = chosen.model.scorer.answers(ROWS).scores
            if abs(scores - self.expected[chosen.model.version]).max() > 1e-9:
                self.wrong.append(f"version {chosen.model.version}: {scores.tolist()}")
            self.versions.add(chosen.model.version)
            self.answers += 1


def wait_until_all_have_answered(askers: list[Asker]) -> None:
    """Wait until each has begun to ask anew, and has its answer."""
    before = [asker.answers for asker in askers]
    until(lambda: all(asker.answers > count + 1 for asker, count in zip(askers, before, strict=True)))


def test_no_request_fails_or_is_answered_by_two_versions_while_the_alias_moves(
    registry: Registry, expected: dict[str | None, list[float]]
) -> None:
    registry.point("hot", "first")
    shelf = shelf_of("hot", KeptVersions(most=0))
    stop = threading.Event()
    askers = [Asker(shelf, expected, stop) for _ in range(ASKERS)]
    threads = [threading.Thread(target=asker) for asker in askers]
    for thread in threads:
        thread.start()
    swaps: list[SwapFacts] = []
    try:
        for number in range(SWAPS):
            registry.point("hot", ("second", "first")[number % 2])
            swaps += shelf.refresh()
            wait_until_all_have_answered(askers)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert [swap.after for swap in swaps] == ["2", "1"] * (SWAPS // 2)
    assert [asker.wrong for asker in askers] == [[]] * ASKERS
    assert set.union(*(asker.versions for asker in askers)) == {"1", "2"}


def test_rolling_back_takes_the_version_that_is_still_in_memory(registry: Registry) -> None:
    registry.point("back", "first")
    shelf = shelf_of("back")
    first = shelf.slots[0].served()
    for word in ("second", "first"):
        registry.point("back", word)
        (swap,) = shelf.refresh()
    assert (swap.before, swap.after, swap.was_warm) == ("2", "1", True)
    assert shelf.slots[0].served() is first


def test_a_version_that_another_slot_serves_is_shared(registry: Registry) -> None:
    registry.point("one", "first")
    sources = [RegistrySource(NAME, alias="one"), RegistrySource(NAME, version="1")]
    shelf = Shelf(sources)
    shelf.refresh()
    by_alias, by_number = shelf.served()
    assert by_alias.bundle is by_number.bundle
    assert (by_alias.alias, by_number.alias) == ("one", None)


def test_a_version_that_was_let_go_is_freed_once_nobody_is_answered_by_it(registry: Registry) -> None:
    clock = [0.0]
    registry.point("freed", "first")
    shelf = shelf_of("freed", KeptVersions(most=2, seconds=60, clock=lambda: clock[0]))
    in_flight = shelf.choose(ASKED)
    gone = weakref.ref(shelf.slots[0].served())
    registry.point("freed", "second")
    shelf.refresh()
    assert [model.version for model in shelf.kept.kept()] == ["1"]
    clock[0] = 60.0
    shelf.refresh()
    gc.collect()
    assert gone() is in_flight.model
    del in_flight
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("word", BAD)
def test_a_bad_version_is_refused_and_the_old_one_keeps_serving(registry: Registry, word: str) -> None:
    registry.point("bad", "first")
    shelf = shelf_of("bad")
    slot = shelf.slots[0]
    first = slot.served()
    registry.point("bad", word)
    assert shelf.refresh() == []
    assert slot.refused is not None
    assert slot.refused.version == registry.versions[word]
    with pytest.raises(BundleError, match=BAD[word][1]):
        raise slot.error or AssertionError
    assert "/tmp" not in slot.refused.reason  # noqa: S108 - where files lay while they were checked tells nobody anything
    assert shelf.choose(ASKED).model is first
    assert (shelf.state, slot.trouble) == ("ready", None)


def test_a_version_that_the_policy_forbids_is_refused(registry: Registry) -> None:
    registry.point("policy", "first")
    shelf = shelf_of("policy")
    registry.point("policy", "needs the group")
    shelf.refresh()
    refused = shelf.slots[0].refused
    assert refused is not None
    assert "need the person's group" in refused.reason
    assert shelf.slots[0].served().version == "1"
    allowing = Shelf([RegistrySource(NAME, alias="policy", policy=ServingPolicy(allow_sensitive=True))])
    allowing.refresh()
    assert allowing.slots[0].served().version == registry.versions["needs the group"]


def test_a_version_in_memory_is_still_held_against_the_policy_of_the_slot_that_takes_it(registry: Registry) -> None:
    number = registry.versions["needs the group"]
    allowing = RegistrySource(NAME, version=number, policy=ServingPolicy(allow_sensitive=True))
    shelf = Shelf([allowing, RegistrySource(NAME, version=number)])
    shelf.refresh()
    assert [slot.state for slot in shelf.slots] == ["ready", "loading"]
    assert shelf.slots[1].refused is not None


def test_a_refused_version_is_tried_again_only_when_somebody_asks_or_the_alias_moves(
    registry: Registry, bundle_folder: Path, tmp_path: Path
) -> None:
    registry.point("mended", "first")
    shelf = shelf_of("mended")
    number = registry.publish(f"mended {tmp_path.name}", bundle_folder)
    path = registry.root / f"mended {tmp_path.name}" / "artifacts" / "bundle" / "booster.txt"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    registry.point("mended", f"mended {tmp_path.name}")
    shelf.refresh()
    at = shelf.slots[0].refused
    path.write_bytes(whole)
    assert shelf.refresh() == []
    assert shelf.slots[0].refused is at
    (swap,) = shelf.refresh(again=True)
    assert (swap.after, shelf.slots[0].refused) == (number, None)


def test_moving_the_alias_back_ends_a_refusal(registry: Registry) -> None:
    registry.point("withdrawn", "first")
    shelf = shelf_of("withdrawn")
    registry.point("withdrawn", "changed byte")
    shelf.refresh()
    registry.point("withdrawn", "first")
    assert shelf.refresh() == []
    assert shelf.slots[0].refused is None


def test_a_registry_that_is_away_and_comes_back_interrupts_nothing(registry: Registry) -> None:
    registry.point("away", "first")
    shelf = shelf_of("away")
    slot, database = shelf.slots[0], registry.root / "mlflow.db"
    database.rename(registry.root / "away.db")
    try:
        shelf.refresh()
        since = slot.trouble
        shelf.refresh()
        assert since is not None
        assert slot.trouble is since
        assert "no registry exists" in since.reason
        assert shelf.choose(ASKED).model.version == "1"
        assert not database.exists()
    finally:
        (registry.root / "away.db").rename(database)
    registry.point("away", "second")
    (swap,) = shelf.refresh()
    assert swap.after == "2"
    assert shelf.slots[0].trouble is None


def test_an_alias_that_is_removed_leaves_the_version_in_place(registry: Registry) -> None:
    registry.point("removed", "first")
    shelf = shelf_of("removed")
    registry.client.delete_registered_model_alias(NAME, "removed")
    shelf.refresh()
    assert shelf.slots[0].trouble is not None
    assert "alias 'removed'" in shelf.slots[0].trouble.reason
    assert shelf.slots[0].served().version == "1"


def test_files_that_are_gone_are_refused_with_what_to_do(
    registry: Registry, bundle_folder: Path, tmp_path: Path
) -> None:
    registry.point("gone", "first")
    shelf = shelf_of("gone")
    registry.publish(f"gone {tmp_path.name}", bundle_folder)
    (registry.root / f"gone {tmp_path.name}").rename(tmp_path / "elsewhere")
    registry.point("gone", f"gone {tmp_path.name}")
    shelf.refresh()
    reason = (shelf.slots[0].refused or shelf.slots[0].trouble).reason  # type: ignore[union-attr]
    assert "Serve a version that" in reason
    assert shelf.slots[0].served().version == "1"


def test_a_slot_that_could_not_be_filled_is_filled_when_the_registry_has_what_it_names(registry: Registry) -> None:
    shelf = shelf_of("later")
    assert shelf.slots[0].trouble is not None
    registry.point("later", "second")
    (swap,) = shelf.refresh()
    assert (swap.before, swap.after, shelf.state) == (None, "2", "ready")


@dataclass(frozen=True)
class ExplodingSource(RegistrySource):
    """Loading fails in a way that nobody foresaw."""

    def load_version(self, _: object) -> ServedModel:
        raise ZeroDivisionError(VALUE.upper())


def test_a_failure_that_nobody_foresaw_ends_neither_the_thread_nor_the_service(
    registry: Registry, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(SERVER_LOGGER), "propagate", True)  # whatever was configured before
    registry.point("exploding", "first")
    shelf = Shelf([ExplodingSource(NAME, alias="exploding"), RegistrySource(NAME, version="1")])
    (swap,) = shelf.refresh()
    refused = shelf.slots[0].refused
    assert swap.after == "1"
    assert refused is not None
    assert refused.reason.startswith("Loading ended unexpectedly")
    assert "ZeroDivisionError" in caplog.text
    assert VALUE.upper() not in caplog.text


def test_every_version_is_announced_before_it_answers(registry: Registry) -> None:
    registry.point("announced", "first")
    told: list[tuple[str | None, str | None]] = []

    def on_served(model: ServedModel) -> None:
        present = shelf.slots[0].model
        told.append((model.version, present.version if present else None))

    shelf = Shelf([RegistrySource(NAME, alias="announced")], on_served)
    shelf.refresh()
    registry.point("announced", "second")
    shelf.refresh()
    assert told == [("1", None), ("2", "1")]


def test_what_was_loaded_from_a_folder_stays(bundle_folder: Path) -> None:
    shelf = Shelf([FolderSource(bundle_folder)])
    assert [swap.after for swap in shelf.refresh()] == [None]
    served = shelf.slots[0].served()
    assert shelf.refresh(again=True) == []
    assert shelf.slots[0].served() is served


def test_refreshing_by_several_threads_swaps_once(registry: Registry) -> None:
    registry.point("several", "first")
    shelf = shelf_of("several")
    registry.point("several", "second")
    swaps: list[SwapFacts] = []
    threads = [threading.Thread(target=lambda: swaps.extend(shelf.refresh())) for _ in range(ASKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [swap.after for swap in swaps] == ["2"]
