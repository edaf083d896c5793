"""What the prediction log's database holds, beside what clients were told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import func, inspect, select

from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.identifiers import prediction_ids
from apps.ml.prediction_log.tables import calls, rejections, versions
from apps.ml.tests.code.deployment.server_faults.load import PATH, Heard
from apps.ml.tests.code.deployment.server_faults.processes import wait_until

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
        rejected = int(connection.scalar(select(func.sum(rejections.c.entries))) or 0)
    engine.dispose()
    for row in rows:
        scores = json.loads(row.scores)
        names = prediction_ids(row.call, len(scores))
        found.update({name: (row.version, score) for name, score in zip(names, scores, strict=True)})
    return Stored(found, calls_in(address), rejected)


def wait_until_logged(heard: Heard, address: str, earlier: int = 0) -> None:
    """Wait until there are as many calls as clients were told of, and `earlier` ones."""
    wait_until(lambda: calls_in(address) >= len(heard.told) + earlier)


def calls_so_far(client: httpx.Client, rows: Sequence[dict[str, Any]], address: str) -> int:
    """Ask once more, wait until that call is in the log, and with it all before it; return how many there are.

    For a server of one process, which is ready or will be by itself: its journal is read in order.
    """
    wait_until(lambda: client.get("/readyz").status_code == 200)
    answer = client.post(PATH, json={"instances": rows[:1]})
    (prediction,) = answer.json()["predictions"]
    wait_until(lambda: calls_in(address) and prediction["id"] in stored(address).predictions)
    return calls_in(address)


def calls_in(address: str) -> int:
    """Count the calls in a log, also before its tables are there."""
    engine, found = open_database(address), 0
    with engine.connect() as connection:
        if inspect(connection).has_table(calls.name):
            found = int(connection.scalar(select(func.count()).select_from(calls)) or 0)
    engine.dispose()
    return found


def assert_all_logged(heard: Heard, address: str, unheard: int | None = 0, earlier: int = 0) -> None:
    """Every answer that a client was told is stored once and alike.

    Beside them there are `earlier` calls and at most `unheard` more (None: any number).
    """
    there, told = stored(address), heard.by_id()
    assert len(told) == sum(len(answer.ids) for answer in heard.told), "an id was given twice"
    assert told.keys() - there.predictions.keys() == set(), "answers are not in the log"
    assert {name: there.predictions[name] for name in told} == told
    if unheard is not None:
        assert 0 <= there.calls - len(heard.told) - earlier <= unheard, "calls are there that nobody was told of"
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


def lag_of(client: httpx.Client) -> float:
    """Return the lag of the log that a server tells of."""
    told = metric(client.get("/metrics").text, "fairmind_log_lag_seconds")
    assert told is not None
    return told
