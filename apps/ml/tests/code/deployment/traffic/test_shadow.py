"""Shadows score what was answered, name it, and never harm the log."""

import dataclasses
import struct
import threading
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from apps.ml.deployment.answering.logged_rows import rows_json
from apps.ml.deployment.traffic.shadow import FAILED, NOT_LOADED, OTHER_COLUMNS, AnsweredCall, ShadowScorer
from apps.ml.deployment.traffic.shadow_queue import ShadowQueue
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.models.bundle import read_bundle
from apps.ml.models.golden_rows import typed_frame
from apps.ml.prediction_log.entries import AnswerEntry, ColumnEntry, Entry, InputsForm
from apps.ml.prediction_log.identifiers import call_and_row, new_call, prediction_ids
from apps.ml.prediction_log.journal import LogFullError
from apps.ml.tests.code.deployment.conftest import COLUMNS
from apps.ml.tests.protected_server import until

ENTRIES = [ColumnEntry(column.name, column.kind, column.sensitive) for column in COLUMNS]
WAIT_SECONDS = 60.0


def answer(rows: list[dict[str, Any]], form: InputsForm = "instances", **changes: Any) -> AnswerEntry:
    """Return the entry of an answered call."""
    inputs = (
        msgspec.json.encode({"instances": rows, "model": "toy_loans"})
        if form == "instances"
        else rows_json(typed_frame(rows, COLUMNS), COLUMNS)
    )
    entry = AnswerEntry(
        new_call(), 1_767_600_000_000_000, "b" * 64, "champion", "predict", "shop", "d" * 32, "r-1", form, inputs,
        bytes(8 * len(rows)), bytes(len(rows)),
    )  # fmt: skip
    return msgspec.structs.replace(entry, **changes)


@pytest.fixture
def scorer(challenger_folder: Path) -> ShadowScorer:
    """One shadow, loaded."""
    scorer = ShadowScorer({"next": FolderSource(challenger_folder)})
    scorer.shelf.refresh()
    return scorer


@pytest.fixture(scope="module")
def expected(challenger_folder: Path, rows: list[dict[str, Any]]) -> list[float]:
    """The shadow's scores of `rows`, by a bundle apart from it."""
    return read_bundle(challenger_folder).score(typed_frame(rows, COLUMNS)).tolist()


def scores_in(entry: AnswerEntry) -> list[float]:
    return list(struct.unpack(f"<{len(entry.scores) // 8}d", entry.scores))


@pytest.mark.parametrize("form", ["instances", "rows"])
def test_a_shadow_scores_the_inputs_that_were_answered(
    scorer: ShadowScorer, rows: list[dict[str, Any]], expected: list[float], form: InputsForm
) -> None:
    given = answer(rows, form)
    (entry,) = scorer.entries_for([AnsweredCall(given, ENTRIES)])
    model = scorer.shelf.slots[0].served()
    assert scores_in(entry) == pytest.approx(expected, abs=1e-9)
    threshold = model.bundle.info.threshold
    assert threshold is not None
    assert list(entry.decisions or b"") == [int(score >= threshold) for score in expected]
    assert (entry.arm, entry.bundle) == ("shadow:next", model.bundle_digest)
    kept = ("at", "route", "key", "subject", "form", "inputs")
    assert all(getattr(entry, name) == getattr(given, name) for name in kept)


def test_the_entry_leads_to_the_answered_call_and_has_a_name_of_its_own(
    scorer: ShadowScorer, rows: list[dict[str, Any]]
) -> None:
    given = answer(rows[:2])
    (entry,) = scorer.entries_for([AnsweredCall(given, ENTRIES)])
    assert entry.request == prediction_ids(given.call, 1)[0]
    assert entry.call != given.call
    assert entry.call[:6] == given.call[:6]
    assert [call_and_row(name) for name in prediction_ids(entry.call, 2)] == [(entry.call, 0), (entry.call, 1)]
    assert scorer.entries_for([AnsweredCall(given, ENTRIES)]) == [entry]


def test_many_calls_are_scored_together_as_each_alone(scorer: ShadowScorer, rows: list[dict[str, Any]]) -> None:
    calls = [AnsweredCall(answer(rows[start : start + 3]), ENTRIES) for start in range(0, 30, 3)]
    together = scorer.entries_for(calls)
    alone = [entry for call in calls for entry in scorer.entries_for([call])]
    assert [scores_in(entry) for entry in together] == [pytest.approx(scores_in(entry), abs=1e-12) for entry in alone]
    assert [entry.call for entry in together] == [entry.call for entry in alone]


def test_a_version_with_its_columns_in_another_order_gets_its_arrays_in_its_order(
    scorer: ShadowScorer, rows: list[dict[str, Any]], expected: list[float]
) -> None:
    turned = [*ENTRIES[2:], ColumnEntry("region", "categorical", False), *ENTRIES[:2]]
    plain = msgspec.json.decode(rows_json(typed_frame(rows, COLUMNS), COLUMNS))
    given = answer(rows, "rows", inputs=msgspec.json.encode([[*row[2:], "north", *row[:2]] for row in plain]))
    (entry,) = scorer.entries_for([AnsweredCall(given, turned)])
    assert scores_in(entry) == pytest.approx(expected, abs=1e-9)
    assert msgspec.json.decode(entry.inputs) == plain


def test_answers_of_shadows_are_not_shadowed(scorer: ShadowScorer, rows: list[dict[str, Any]]) -> None:
    (entry,) = scorer.entries_for([AnsweredCall(answer(rows), ENTRIES)])
    assert scorer.entries_for([AnsweredCall(entry, ENTRIES)]) == []
    assert scorer.failures == {}


def test_one_bad_call_spoils_no_other(scorer: ShadowScorer, rows: list[dict[str, Any]]) -> None:
    good, bad = answer(rows[:1]), answer([{**rows[0], "age": "old"}])
    broken = answer(rows[:1], inputs=b"{")
    entries = scorer.entries_for([AnsweredCall(one, ENTRIES) for one in (good, bad, good, broken)])
    assert len(entries) == 2
    assert scorer.failures == {("next", FAILED): 2}


def test_a_shadow_that_needs_other_columns_is_counted(scorer: ShadowScorer, rows: list[dict[str, Any]]) -> None:
    assert scorer.entries_for([AnsweredCall(answer(rows), ENTRIES[1:])]) == []
    assert scorer.failures == {("next", OTHER_COLUMNS): 1}


def test_a_shadow_that_is_not_loaded_is_counted_and_the_others_score(
    challenger_folder: Path, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    sources = {"gone": FolderSource(tmp_path / "nowhere"), "next": FolderSource(challenger_folder)}
    served: list[str] = []
    scorer = ShadowScorer(sources, lambda model: served.append(model.bundle_digest))
    scorer.shelf.refresh()
    entries = scorer.entries_for([AnsweredCall(answer(rows), ENTRIES)])
    assert [entry.arm for entry in entries] == ["shadow:next"]
    assert scorer.failures == {("gone", NOT_LOADED): 1}
    assert served == [entries[0].bundle]


@dataclasses.dataclass
class SlowScorer:
    """Holds every batch until it is released; `waited`: whether each batch was."""

    scorer: ShadowScorer
    release: threading.Event = dataclasses.field(default_factory=threading.Event)
    waited: list[bool] = dataclasses.field(default_factory=list)

    def entries_for(self, answered: Any) -> list[AnswerEntry]:
        self.waited.append(self.release.wait(WAIT_SECONDS))
        return self.scorer.entries_for(answered)


def test_the_queue_takes_calls_at_once_drops_what_finds_no_room_and_finishes_at_the_end(
    scorer: ShadowScorer, rows: list[dict[str, Any]]
) -> None:
    slow, written = SlowScorer(scorer), list[Entry]()
    queue = ShadowQueue(slow, written.append, most_calls=3)  # type: ignore[arg-type]
    queue.start()
    queue.put([AnsweredCall(answer(rows[:1]), ENTRIES)])
    until(lambda: not queue.waiting())
    queue.put([AnsweredCall(answer(rows[:1]), ENTRIES)] * 5)
    assert (queue.dropped, written) == (2, [])
    slow.release.set()
    assert queue.stop(WAIT_SECONDS)
    assert slow.waited == [True, True]
    assert len(written) == 4


def test_a_log_without_room_is_counted(scorer: ShadowScorer, rows: list[dict[str, Any]]) -> None:
    def refuse(_: Entry) -> None:
        raise LogFullError("full")

    queue = ShadowQueue(scorer, refuse)
    queue.start()
    queue.put([AnsweredCall(answer(rows[:1]), ENTRIES)] * 2)
    assert queue.stop(WAIT_SECONDS)
    assert queue.unwritten == 2


def test_inputs_stay_unaltered(scorer: ShadowScorer, rows: list[dict[str, Any]]) -> None:
    given = answer(rows)
    before = msgspec.structs.replace(given)
    scorer.entries_for([AnsweredCall(given, ENTRIES)])
    assert given == before
    assert pd.DataFrame(rows).equals(pd.DataFrame(msgspec.json.decode(given.inputs)["instances"]))
