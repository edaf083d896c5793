"""What the prediction log's database holds, beside what clients were told."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.identifiers import prediction_ids
from apps.ml.prediction_log.tables import calls, rejections, versions
from apps.ml.tests.code.deployment.server_faults.load import Heard

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Stored:
    """`predictions`: id → version and score. `calls`: how many calls there are. `rejected`: entries without a place."""

    predictions: dict[str, tuple[str | None, float]]
    calls: int
    rejected: int


def stored(address: str) -> Stored:
    """Read the whole log at a database's address."""
    engine = open_database(address)
    found: dict[str, tuple[str | None, float]] = {}
    with engine.connect() as connection:
        wanted = select(calls.c.call, calls.c.scores, versions.c.version)
        rows = connection.execute(wanted.join_from(calls, versions, calls.c.bundle == versions.c.bundle)).all()
        total = int(connection.scalar(select(func.count()).select_from(calls)) or 0)
        rejected = int(connection.scalar(select(func.sum(rejections.c.entries))) or 0)
    engine.dispose()
    for row in rows:
        scores = json.loads(row.scores)
        found.update({name: (row.version, score) for name, score in zip(prediction_ids(row.call, len(scores)), scores)})
    return Stored(found, total, rejected)


def calls_in(file: Path) -> int:
    """Count the calls in an SQLite file, which may not be there yet."""
    if not file.exists():
        return 0
    with sqlite3.connect(file) as database:
        return int(database.execute("select count(*) from calls").fetchone()[0])


def assert_all_logged(heard: Heard, address: str, unheard: int = 0) -> None:
    """Every answer that a client was told is stored once and alike; at most `unheard` others are stored beside them."""
    there, told = stored(address), heard.by_id()
    assert len(told) == sum(len(answer.ids) for answer in heard.told), "an id was given twice"
    assert told.keys() - there.predictions.keys() == set(), "answers are not in the log"
    assert {name: there.predictions[name] for name in told} == told
    assert 0 <= there.calls - len(heard.told) <= unheard, "calls are in the log that nobody was told of"
    assert there.rejected == 0


def assert_right(heard: Heard, expected: Mapping[str | None, Sequence[float]]) -> None:
    """Every answer holds, for each of its rows, the score that the version which it names gives."""
    assert heard.broken == []
    for told in heard.told:
        wanted = expected[told.version]
        for row, score in zip(told.rows, told.scores, strict=True):
            assert abs(score - wanted[row]) < TOLERANCE


def metric(text: str, name: str) -> float | None:
    """Return the value of a metric without labels, None where it is not told."""
    lines: list[Any] = [line.split() for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(lines[0][1]) if lines else None
