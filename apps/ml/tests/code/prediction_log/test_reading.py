"""Reading the log: columns as the model took them, windows, labels that hold now, one answer with everything."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from apps.ml.prediction_log.entries import ColumnEntry
from apps.ml.prediction_log.identifiers import new_call, prediction_ids
from apps.ml.prediction_log.logged import Predictions, Wanted
from apps.ml.prediction_log.reading import logged_versions, prediction, predictions
from apps.ml.tests.code.prediction_log.conftest import write_all
from apps.ml.tests.code.prediction_log.made_up_entries import (
    BUNDLE,
    ROW,
    answer_entry,
    outcome_entry,
    version_entry,
)

OTHER = "c" * 64


def all_of(engine: Engine, wanted: Wanted = Wanted(), **options: object) -> list[Predictions]:  # noqa: B008 (frozen)
    return list(predictions(engine, wanted, **options))  # type: ignore[arg-type]


def test_answers_come_as_columns_with_the_labels_that_hold_now(engine: Engine, root: Path) -> None:
    rows = [ROW, {**ROW, "age": 18, "homeowner": 0, "monthly-income": None}]
    first = answer_entry((0.25, 0.75), rows=rows, at=10)
    second = answer_entry((0.5,), arm="challenger", at=20)
    labels = (outcome_entry(first.call, 1, 0.0, at=1), outcome_entry(first.call, 1, 1.0, at=2))
    write_all(engine, root, version_entry(), first, second, *labels)
    (batch,) = all_of(engine)
    assert batch.version.columns[2] == ColumnEntry("gender", "categorical", True)
    assert batch.ids == [*prediction_ids(first.call, 2), *prediction_ids(second.call, 1)]
    assert batch.inputs == {
        "age": [41.0, 18.0, 41.0],
        "monthly-income": [1234.5, None, 1234.5],
        "homeowner": [True, False, True],
    }
    assert (batch.scores, batch.decisions) == ([0.25, 0.75, 0.5], [0, 1, 1])
    assert (batch.labels, batch.reported_at) == ([None, 1.0, None], [None, 2, None])
    assert batch.arms == [None, None, "challenger"]
    assert len(batch) == 3


def test_sensitive_values_come_only_where_they_are_asked_for(engine: Engine, root: Path) -> None:
    second = answer_entry(rows=[{**ROW, "gender": None}], at=20)
    write_all(engine, root, version_entry(), answer_entry(at=10), second)
    assert "gender" not in all_of(engine)[0].inputs
    assert all_of(engine, sensitive=True)[0].inputs["gender"] == ["female", None]


def test_windows_versions_arms_and_shadows_are_told_apart(engine: Engine, root: Path) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    at = [round((start + timedelta(hours=hour)).timestamp() * 1e6) for hour in range(4)]
    entries = [answer_entry(at=moment) for moment in at]
    other = answer_entry(at=at[1], bundle=OTHER)
    shadow = answer_entry((0.125,), at=at[2], arm="shadow:next", request=prediction_ids(entries[2].call, 1)[0])
    label = outcome_entry(entries[2].call, 0, 1.0)
    versions = (version_entry(), version_entry(OTHER, "4", "models:/loans/4"))
    write_all(engine, root, *versions, *entries, other, shadow, label)

    def calls(wanted: Wanted) -> list[int]:
        return [moment for batch in all_of(engine, wanted) for moment in batch.answered_at]

    assert calls(Wanted(since=start + timedelta(hours=1), until=start + timedelta(hours=3), version="3")) == at[1:3]
    assert calls(Wanted(version="4")) == [at[1]]
    assert calls(Wanted(model="nobody")) == []
    assert calls(Wanted(bundle=BUNDLE)) == at
    assert len(calls(Wanted(shadows=True))) == 6
    (repeated,) = all_of(engine, Wanted(arm="shadow:next"))
    assert (repeated.scores, repeated.labels) == ([0.125], [1.0])
    assert [version.version for version in logged_versions(engine)] == ["3", "4"]


def test_batches_are_bounded_and_together_hold_every_row_once(engine: Engine, root: Path) -> None:
    entries = [answer_entry(tuple([0.5] * (1 + number % 5)), at=7) for number in range(60)]
    write_all(engine, root, version_entry(), *entries)
    batches = all_of(engine, batch_rows=10)
    assert max(map(len, batches)) <= 10 + 4
    names = [name for batch in batches for name in batch.ids]
    assert sorted(names) == sorted(name for one in entries for name in prediction_ids(one.call, len(one.scores) // 8))


def test_one_answer_comes_with_inputs_and_every_report(engine: Engine, root: Path) -> None:
    entry = answer_entry((0.25, 0.75), request="r-7")
    reports = (outcome_entry(entry.call, 1, 1.0, at=9), outcome_entry(entry.call, 1, 0.0, at=3))
    write_all(engine, root, version_entry(), entry, *reports)
    name = prediction_ids(entry.call, 2)[1]
    found = prediction(engine, name)
    assert found is not None
    assert found.inputs == {"age": 42.0, "monthly-income": 1234.5, "gender": "female", "homeowner": True}
    assert (found.id, found.score, found.decision, found.erased, found.request) == (name, 0.75, 1, False, "r-7")
    assert [(one.label, one.reported_at, one.source) for one in found.outcomes] == [
        (0.0, 3, "ledger"),
        (1.0, 9, "ledger"),
    ]
    assert found.version.address == "models:/loans/3"


def test_an_answer_that_is_not_there_is_none_and_a_text_that_names_none_an_error(engine: Engine, root: Path) -> None:
    entry = answer_entry()
    write_all(engine, root, version_entry(), entry)
    assert prediction(engine, prediction_ids(new_call(), 1)[0]) is None
    assert prediction(engine, prediction_ids(entry.call, 2)[1]) is None
    with pytest.raises(ValueError, match="UUID"):
        prediction(engine, "x")


def test_a_version_whose_columns_are_all_sensitive_can_be_read(engine: Engine, root: Path) -> None:
    columns = [ColumnEntry("gender", "categorical", True)]
    entry = msgspec.structs.replace(answer_entry(), inputs=b'{"instances":[{"gender":"x"}]}')
    write_all(engine, root, msgspec.structs.replace(version_entry(), columns=columns), entry)
    assert all_of(engine)[0].inputs == {}
    assert all_of(engine, sensitive=True)[0].inputs == {"gender": ["x"]}
