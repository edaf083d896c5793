"""The log as a Parquet file, and as counts."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from apps.ml.errors import BadInputError
from apps.ml.prediction_log.entries import ColumnEntry
from apps.ml.prediction_log.export import export
from apps.ml.prediction_log.identifiers import new_call, prediction_ids
from apps.ml.prediction_log.logged import Wanted
from apps.ml.prediction_log.summary import summary
from apps.ml.tests.code.prediction_log.conftest import write_all
from apps.ml.tests.code.prediction_log.made_up_entries import BUNDLE, ROW, answer_entry, outcome_entry, version_entry

OTHER = "c" * 64


def test_every_answer_is_one_row_of_the_file(engine: Engine, root: Path, tmp_path: Path) -> None:
    first, second = answer_entry((0.25, 0.75), rows=[ROW, {**ROW, "homeowner": None}]), answer_entry(bundle=OTHER)
    other = msgspec.structs.replace(version_entry(OTHER, "4"), columns=[ColumnEntry("age", "numeric", False)])
    third = msgspec.structs.replace(version_entry(), at=other.at - 1)
    write_all(engine, root, third, other, first, second, outcome_entry(first.call, 1, 1.0, at=5))
    path = tmp_path / "answers.parquet"
    assert export(engine, path, Wanted(), sensitive=True) == 3
    rows = pq.read_table(path).to_pylist()
    assert [row["prediction"] for row in rows] == [*prediction_ids(first.call, 2), *prediction_ids(second.call, 1)]
    assert [row["input:gender"] for row in rows] == ["female", "female", None]
    assert [row["input:homeowner"] for row in rows] == [True, None, None]
    assert [row["input:age"] for row in rows] == [41.0, 41.0, 41.0]
    assert [(row["version"], row["score"], row["decision"], row["label"]) for row in rows] == [
        ("3", 0.25, 0, None),
        ("3", 0.75, 1, 1.0),
        ("4", 0.25, 0, None),
    ]
    assert rows[0]["answered_at"].timestamp() * 1e6 == pytest.approx(first.at)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_sensitive_columns_stay_out_unless_they_are_asked_for(engine: Engine, root: Path, tmp_path: Path) -> None:
    write_all(engine, root, version_entry(), answer_entry())
    export(engine, tmp_path / "answers.parquet", Wanted())
    assert "input:gender" not in pq.read_schema(tmp_path / "answers.parquet").names


def test_columns_of_one_name_and_two_kinds_are_refused(engine: Engine, root: Path, tmp_path: Path) -> None:
    other = msgspec.structs.replace(version_entry(OTHER, "4"), columns=[ColumnEntry("age", "categorical", False)])
    write_all(engine, root, version_entry(), other)
    with pytest.raises(BadInputError, match=r"'age' is of different kinds.*--version"):
        export(engine, tmp_path / "answers.parquet", Wanted())
    assert not list(tmp_path.glob("*.parquet*"))
    assert export(engine, tmp_path / "answers.parquet", Wanted(version="4")) == 0


def test_a_folder_that_is_not_there_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="Name a file in a folder that exists"):
        export(engine, tmp_path / "absent" / "answers.parquet", Wanted())


def test_answers_and_labels_are_counted(engine: Engine, root: Path) -> None:
    first, second = answer_entry((0.1, 0.2), at=10), answer_entry(at=20, arm="challenger")
    labels = (outcome_entry(first.call, 1), outcome_entry(first.call, 1), outcome_entry(new_call()))
    beyond = outcome_entry(second.call, 3)
    write_all(engine, root, version_entry(), first, second, *labels, beyond, answer_entry(bundle="d" * 64))
    counted = summary(engine, Wanted())
    shown = [(one.bundle, one.arm, one.calls, one.predictions, one.labelled) for one in counted.served]
    assert shown == [(BUNDLE, None, 1, 2, 1), (BUNDLE, "challenger", 1, 1, 0)]
    assert (counted.served[0].first_at, counted.served[1].last_at) == (10, 20)
    assert (counted.reports, counted.labelled, counted.unmatched) == (4, 3, 2)
    assert counted.rejected == {"unknown version": 1}


def test_labels_are_counted_of_the_wanted_answers_alone(engine: Engine, root: Path) -> None:
    first, second = answer_entry((0.1, 0.2), at=10), answer_entry(at=2_000_000, arm="challenger")
    third = answer_entry(bundle=OTHER, at=20)
    labels = [outcome_entry(call, row) for call, row in ((first.call, 1), (first.call, 1), (second.call, 0))]
    beside = (outcome_entry(third.call), outcome_entry(second.call, 3), outcome_entry(new_call()))
    write_all(engine, root, version_entry(), version_entry(OTHER, "4"), first, second, third, *labels, *beside)
    late = datetime.fromtimestamp(1, UTC)
    wanted = {
        "everything": Wanted(),
        "a version": Wanted(version="3"),
        "another": Wanted(version="4"),
        "an arm": Wanted(arm="challenger"),
        "since": Wanted(since=late),
        "until": Wanted(until=late),
        "nobody": Wanted(model="nobody"),
    }
    found = {name: summary(engine, one) for name, one in wanted.items()}
    assert {name: (one.reports, one.labelled, one.unmatched) for name, one in found.items()} == {
        "everything": (6, 5, 2),
        "a version": (3, 2, None),
        "another": (1, 1, None),
        "an arm": (1, 1, None),
        "since": (1, 1, None),
        "until": (3, 2, None),
        "nobody": (0, 0, None),
    }
    assert found["nobody"].served == ()
