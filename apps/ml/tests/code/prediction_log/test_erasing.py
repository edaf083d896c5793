"""Erasure and retention: nothing is left of a person, in whatever order entries and orders arrive."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, func, select

from apps.ml.errors import BadInputError
from apps.ml.prediction_log.database import sqlite_file
from apps.ml.prediction_log.erasing import Erased, erase_prediction, erase_subject
from apps.ml.prediction_log.identifiers import prediction_ids
from apps.ml.prediction_log.logged import Wanted
from apps.ml.prediction_log.pruning import Pruned, prune
from apps.ml.prediction_log.reading import prediction, predictions
from apps.ml.prediction_log.subjects import subject_digest
from apps.ml.prediction_log.summary import summary
from apps.ml.prediction_log.tables import calls, erasures, metadata, outcomes, sensitive_values
from apps.ml.tests.code.prediction_log.conftest import write_all
from apps.ml.tests.code.prediction_log.made_up_entries import ROW, answer_entry, now, outcome_entry, version_entry

NAME = "Jane Roe"
SECRET = {**ROW, "monthly-income": 55501.99, "gender": "a-telling-value"}
TRACES = ("55501.99", "a-telling-value")


def traces(engine: Engine) -> list[str]:
    """What tables (and, of SQLite, the files) still hold of SECRET."""
    with engine.connect() as connection:
        text = " ".join(str(connection.execute(select(table)).all()) for table in metadata.tables.values())
    path = sqlite_file(engine)
    files = b"" if path is None else b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    return [trace for trace in TRACES if trace in text or trace.encode() in files]


def left(engine: Engine) -> tuple[int, int, int]:
    """Calls, sensitive values, labels."""
    with engine.connect() as connection:
        counts = [
            connection.scalar(select(func.count()).select_from(one)) for one in (calls, sensitive_values, outcomes)
        ]
    return (int(counts[0] or 0), int(counts[1] or 0), int(counts[2] or 0))


def test_a_subject_is_erased_everywhere_and_others_stay(engine: Engine, root: Path) -> None:
    of_jane = answer_entry((0.1, 0.2), rows=[SECRET, SECRET], subject=subject_digest(NAME), request="jane-1")
    of_john = answer_entry(subject=subject_digest("John"))
    labels = (outcome_entry(of_jane.call, 1), outcome_entry(of_john.call))
    write_all(engine, root, version_entry(), of_jane, of_john, *labels)
    assert traces(engine) == list(TRACES)
    assert erase_subject(engine, NAME) == Erased(2, 1)
    assert traces(engine) == []
    assert left(engine) == (2, 1, 1)
    assert [batch.ids for batch in predictions(engine)] == [prediction_ids(of_john.call, 1)]
    erased = prediction(engine, prediction_ids(of_jane.call, 1)[0])
    assert erased is not None
    assert (erased.erased, erased.inputs, erased.request, erased.outcomes) == (True, {}, None, ())
    assert erase_subject(engine, NAME) == Erased(0, 0)


def test_what_is_still_in_a_journal_is_erased_when_it_arrives(engine: Engine, root: Path) -> None:
    late = answer_entry(rows=[SECRET], subject=subject_digest(NAME), at=now() - 1_000_000)
    write_all(engine, root, version_entry(), outcome_entry(late.call))
    assert erase_subject(engine, NAME) == Erased(0, 0)
    back = answer_entry(subject=subject_digest(NAME), at=now() + 1_000_000)
    write_all(engine, root, late, outcome_entry(late.call), back)
    assert traces(engine) == []
    assert left(engine) == (2, 1, 0), "the answer given after the erasure is kept, labels of the erased one are not"
    write_all(engine, root, outcome_entry(late.call))
    assert left(engine) == (2, 1, 0)


def test_of_a_call_with_several_rows_only_the_row_is_emptied(engine: Engine, root: Path) -> None:
    entry = answer_entry((0.1, 0.2, 0.3), rows=[ROW, SECRET, ROW])
    write_all(engine, root, version_entry(), entry, *(outcome_entry(entry.call, row) for row in range(3)))
    names = prediction_ids(entry.call, 3)
    assert erase_prediction(engine, names[1]) == Erased(1, 1)
    assert traces(engine) == []
    (batch,) = predictions(engine, sensitive=True)
    assert (batch.ids, batch.scores, batch.labels) == ([names[0], names[2]], [0.1, 0.3], [1.0, 1.0])
    assert batch.inputs["gender"] == ["female", "female"]
    assert erase_prediction(engine, names[1]) == Erased(0, 0)
    write_all(engine, root, outcome_entry(entry.call, 1), outcome_entry(entry.call, 2))
    assert left(engine)[2] == 3
    assert (erase_prediction(engine, names[0]), erase_prediction(engine, names[2])) == (Erased(1, 1), Erased(1, 2))
    assert left(engine) == (1, 0, 0)
    assert summary(engine, Wanted()).served[0].erased_calls == 1


def test_a_prediction_is_erased_though_it_arrives_after_the_order(engine: Engine, root: Path) -> None:
    entry = answer_entry((0.1, 0.2), rows=[SECRET, ROW])
    name = prediction_ids(entry.call, 2)[0]
    assert erase_prediction(engine, name) == Erased(0, 0)
    write_all(engine, root, version_entry(), outcome_entry(entry.call, 0), entry, outcome_entry(entry.call, 1))
    assert traces(engine) == []
    assert left(engine) == (1, 1, 1)
    found = prediction(engine, name)
    assert found is not None
    assert found.erased


@pytest.mark.parametrize("order_first", [False, True])
def test_what_a_shadow_made_of_an_answer_goes_with_it(engine: Engine, root: Path, order_first: bool) -> None:
    entry = answer_entry((0.1, 0.2), rows=[SECRET, ROW])
    of_shadow = entry.call[:9] + bytes([entry.call[9] ^ 1]) + entry.call[10:]
    shadow = msgspec.structs.replace(entry, call=of_shadow, arm="shadow:next", request=prediction_ids(entry.call, 1)[0])
    name = prediction_ids(entry.call, 2)[0]
    if order_first:
        erase_prediction(engine, name)
    write_all(engine, root, version_entry(), entry, shadow)
    if not order_first:
        assert erase_prediction(engine, name) == Erased(1, 0)
    assert traces(engine) == []
    assert [len(batch) for batch in predictions(engine, Wanted(shadows=True))] == [2]


def test_a_text_that_names_no_prediction_is_refused(engine: Engine) -> None:
    with pytest.raises(BadInputError, match="not the id of a prediction"):
        erase_prediction(engine, NAME)


def test_what_is_older_is_removed_with_its_labels_and_the_rest_stays(engine: Engine, root: Path) -> None:
    days = 24 * 3600 * 1_000_000
    old = answer_entry((0.1, 0.2), rows=[SECRET, SECRET], at=now() - 91 * days)
    young = answer_entry(at=now() - 89 * days)
    alone = outcome_entry(answer_entry().call, at=now() - 91 * days)
    labels = (outcome_entry(old.call, 0), outcome_entry(old.call, 1), outcome_entry(young.call))
    write_all(engine, root, version_entry(), old, young, alone, *labels)
    erase_prediction(engine, prediction_ids(young.call, 2)[1])
    assert prune(engine, timedelta(days=90)) == Pruned(1, 2, 3)
    assert traces(engine) == []
    assert left(engine) == (1, 1, 1)
    assert prune(engine, timedelta(days=90)) == Pruned(0, 0, 0)
    assert prune(engine, timedelta(days=0), keep_outcomes=True) == Pruned(1, 1, 0)
    assert left(engine) == (0, 0, 1)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(erasures)) == 0
