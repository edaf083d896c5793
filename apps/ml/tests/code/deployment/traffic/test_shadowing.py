"""Shadows from the journal of a server to the tables of the log, where they are joined with what was answered."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from apps.ml.deployment.server.served_entries import ServedEntries
from apps.ml.deployment.traffic.plan import TrafficPlan
from apps.ml.deployment.traffic.shadowing import shadowing
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.models.bundle import read_bundle
from apps.ml.models.golden_rows import typed_frame
from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.entries import AnswerEntry, ColumnEntry
from apps.ml.prediction_log.identifiers import new_call, prediction_ids
from apps.ml.prediction_log.journal import Journal
from apps.ml.prediction_log.schema import upgrade
from apps.ml.prediction_log.tables import calls
from apps.ml.prediction_log.writer import LogWriter
from apps.ml.tests.code.deployment.conftest import COLUMNS

WAIT_SECONDS = 60.0
ENTRIES = [ColumnEntry(column.name, column.kind, column.sensitive) for column in COLUMNS]


def plan_with(**shadows: Path) -> TrafficPlan:
    arms = [{"name": "champion", "alias": "champion", "weight": 1.0}]
    named = [{"name": name, "address": str(folder)} for name, folder in shadows.items()]
    return TrafficPlan.model_validate({"model": "toy_loans", "salt": "s", "arms": arms, "shadows": named})


def move_everything(writer: LogWriter) -> None:
    while (written := writer.write_once()).entries or written.more:
        pass


def test_shadows_are_logged_beside_what_was_answered(
    bundle_folder: Path, challenger_folder: Path, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/log.db", create=True)
    upgrade(engine)
    root = tmp_path / "state" / "journal"
    writer, journal = LogWriter(engine, root), Journal(root / "shadows", segment_bytes=1 << 16)
    answering = FolderSource(bundle_folder).load()
    tell = ServedEntries(journal)
    tell(answering)
    answered = AnswerEntry(
        new_call(), 1, answering.bundle_digest, None, "predict", None, "d" * 32, None, "instances",
        msgspec.json.encode({"instances": rows[:2]}), bytes(16), bytes(2),
    )  # fmt: skip
    journal.append(answered)
    with shadowing(plan_with(next=challenger_folder), ServingPolicy(), journal.append, tell, 60.0) as on_answers:
        deadline = time.monotonic() + WAIT_SECONDS
        while not _shadows(engine):
            assert time.monotonic() < deadline, "no shadow was logged"
            on_answers([(answered, ENTRIES)])
            move_everything(writer)
            time.sleep(0.02)
    move_everything(writer)
    journal.close()
    (row,) = _shadows(engine)
    engine.dispose()
    expected = read_bundle(challenger_folder).score(typed_frame(rows[:2], COLUMNS)).tolist()
    assert msgspec.json.decode(row.scores) == pytest.approx(expected, abs=1e-9)
    assert (row.request, row.subject, row.row_count) == (prediction_ids(answered.call, 1)[0], "d" * 32, 2)


def test_a_plan_without_shadows_loads_nothing(rows: list[dict[str, Any]]) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("nothing is to be told")

    with shadowing(plan_with(), ServingPolicy(), refuse, refuse, 60.0) as on_answers:
        on_answers([])


def _shadows(engine: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(calls).where(calls.c.arm == "shadow:next")))
