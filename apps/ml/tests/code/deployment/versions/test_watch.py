"""The watcher: it polls, is woken, wakes its neighbours, survives what goes wrong, and ends when it is told to."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import pytest

from apps.ml.deployment.versions.model_source import RegistrySource
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.deployment.versions.slot_facts import SwapFacts
from apps.ml.deployment.versions.watch import NUDGE_FILE, Watcher, nudge, refresh_seconds
from apps.ml.errors import BadInputError
from apps.ml.tests.code.deployment.versions.published import NAME, Registry
from apps.ml.tests.protected_server import until

NEVER = 0.0
SECONDS_TO_STOP = 120.0
SWAP = SwapFacts("models:/x@champion", "x", "1", "2", 0.1, False, 0.0)


class CountingShelf:
    """Counts refreshes, and fails in the first where it is told to."""

    def __init__(self, fails: bool = False) -> None:
        self.calls: list[bool] = []
        self._fails = fails

    def refresh(self, again: bool = False) -> list[SwapFacts]:
        self.calls.append(again)
        if self._fails and len(self.calls) == 1:
            raise ZeroDivisionError
        return [SWAP]


@contextmanager
def started(*watchers: Watcher) -> Iterator[None]:
    for watcher in watchers:
        watcher.start()
    try:
        yield
    finally:
        ended = [watcher.stop(SECONDS_TO_STOP) for watcher in watchers]
        assert all(ended)


def test_a_watcher_polls_without_trying_refused_versions_again() -> None:
    shelf = CountingShelf()
    with started(Watcher(shelf, 0.02)):
        until(lambda: len(shelf.calls) >= 3)
    assert not any(shelf.calls)


def test_a_watcher_that_does_not_poll_refreshes_when_it_is_woken() -> None:
    shelf, told = CountingShelf(), list[SwapFacts]()
    watcher = Watcher(shelf, NEVER, on_swaps=told.extend)
    with started(watcher):
        time.sleep(0.05)
        assert shelf.calls == []
        watcher.wake()
        until(lambda: told)
    assert (shelf.calls, told) == ([True], [SWAP])


def test_waking_one_watcher_wakes_those_of_other_processes_once(tmp_path: Path) -> None:
    path = tmp_path / "state" / NUDGE_FILE
    one, other = CountingShelf(), CountingShelf()
    first, second = Watcher(one, NEVER, path), Watcher(other, NEVER, path)
    with started(first, second):
        first.wake()
        until(lambda: one.calls and other.calls)
        nudge(path)
        until(lambda: len(other.calls) == 2)
        time.sleep(0.6)
    assert other.calls == [True, True]


def test_two_nudges_at_once_are_told_apart(tmp_path: Path) -> None:
    assert nudge(tmp_path / NUDGE_FILE) != nudge(tmp_path / NUDGE_FILE)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_nudge_shows_one_time_from_its_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    """A watcher that looked between the two steps of a nudge would refresh twice."""
    path, seen = tmp_path / NUDGE_FILE, set[int]()
    if is_there:
        path.touch()
    before = {path.stat().st_mtime_ns} if is_there else set()

    def looked(_: FrameType, __: str, ___: object) -> None:
        with suppress(FileNotFoundError):
            seen.add(os.stat(path).st_mtime_ns)  # noqa: PTH116 (pathlib would be looked at as well)

    profiled = sys.getprofile()
    sys.setprofile(looked)
    try:
        now = nudge(path)
    finally:
        sys.setprofile(profiled)
    assert seen - before == {now}


def test_a_state_folder_that_cannot_be_written_does_not_keep_a_watcher_from_waking(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    shelf = CountingShelf()
    watcher = Watcher(shelf, NEVER, tmp_path / "file" / NUDGE_FILE)
    with started(watcher):
        watcher.wake()
        until(lambda: shelf.calls)


def test_a_failure_does_not_end_the_watch() -> None:
    shelf = CountingShelf(fails=True)
    watcher = Watcher(shelf, NEVER)
    with started(watcher):
        watcher.wake()
        until(lambda: shelf.calls)
        watcher.wake()
        until(lambda: len(shelf.calls) == 2)


def test_stopping_ends_the_thread_also_where_it_never_began() -> None:
    before = set(threading.enumerate())
    watcher = Watcher(CountingShelf(), 60.0)
    assert watcher.stop()
    other = Watcher(CountingShelf(), 60.0)
    other.start()
    (thread,) = set(threading.enumerate()) - before
    assert other.stop(SECONDS_TO_STOP)
    assert not thread.is_alive()


def test_a_watcher_follows_an_alias_in_the_registry(registry: Registry) -> None:
    registry.point("watched", "first")
    shelf = Shelf([RegistrySource(NAME, alias="watched")])
    shelf.refresh()
    with started(Watcher(shelf, 0.05)):
        registry.point("watched", "second")
        until(lambda: shelf.slots[0].served().version == "2")


@pytest.mark.parametrize(("written", "seconds"), [(None, 5.0), ("", 5.0), ("0", 0.0), ("2.5", 2.5)])
def test_the_environment_says_how_often(monkeypatch: pytest.MonkeyPatch, written: str | None, seconds: float) -> None:
    monkeypatch.delenv("FAIRMIND_REFRESH_SECONDS", raising=False)
    if written is not None:
        monkeypatch.setenv("FAIRMIND_REFRESH_SECONDS", written)
    assert refresh_seconds() == seconds


@pytest.mark.parametrize("written", ["-1", "nan", "inf", "often"])
def test_what_is_no_number_of_seconds_is_refused(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("FAIRMIND_REFRESH_SECONDS", written)
    with pytest.raises(BadInputError, match=r"Set it to 0 \(off\) or more"):
        refresh_seconds()
