"""The admin log: one chain from many writers, and every way of tampering that it shows."""

import dataclasses
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, insert, select, update

from apps.ml.deployment.protection.admin_log import AdminLog
from apps.ml.deployment.protection.key_store import Wanted, create_key, stored_keys
from apps.ml.deployment.protection.record_chain import FIRST, AdminAction, digest_of
from apps.ml.deployment.protection.tables import ADMIN_ACTIONS
from apps.ml.errors import BadInputError
from apps.ml.prediction_log.database import writing
from apps.ml.tests.protected_server import Clock

Tamper = Callable[[Connection], object]
place = ADMIN_ACTIONS.c.number


@pytest.fixture
def log(engine: Engine, clock: Clock) -> AdminLog:
    """A log with five records."""
    log = AdminLog(engine, clock)
    for number in range(5):
        log.record("key:operator", "reload", "/v1/admin/reload", f"request-{number}")
    return log


def swap(connection: Connection) -> None:
    """Let the second and the third record change places, numbers aside."""
    rows = {row.number: dict(row._mapping) for row in connection.execute(select(ADMIN_ACTIONS))}
    for number, other in ((2, 3), (3, 2)):
        connection.execute(update(ADMIN_ACTIONS).where(place == number).values({**rows[other], "number": number}))


def forge(connection: Connection) -> None:
    """Alter a record and give it the digest that its new content has."""
    (row,) = connection.execute(select(ADMIN_ACTIONS).where(place == 3))
    altered = {**row._mapping, "actor": "key:somebody"}
    digest = digest_of(AdminAction(**altered))
    connection.execute(update(ADMIN_ACTIONS).where(place == 3).values(actor="key:somebody", digest=digest))


def _create_two(log: AdminLog, *names: str) -> None:
    with log.recording("cli:a", "create keys", names[0]) as connection:
        for name in names:
            create_key(connection, Wanted(name, ("predict",)), 1)


def test_the_chain_of_what_was_recorded_is_whole(log: AdminLog, clock: Clock) -> None:
    verdict = log.verify()
    newest, *_, oldest = log.page(10)
    assert (verdict.whole, verdict.records, verdict.head) == (True, 5, newest.digest)
    assert (oldest.number, oldest.previous, oldest.at) == (1, FIRST, clock.moment)
    assert (newest.number, newest.request, newest.result) == (5, "request-4", "done")


def test_an_empty_log_is_whole(sqlite: Engine) -> None:
    verdict = AdminLog(sqlite).verify()
    assert (verdict.whole, verdict.records, verdict.head) == (True, 0, FIRST)


@pytest.mark.parametrize(
    ("tamper", "broken_at", "why"),
    [
        (lambda c: c.execute(update(ADMIN_ACTIONS).where(place == 2).values(actor="key:x")), 2, "was altered"),
        (lambda c: c.execute(update(ADMIN_ACTIONS).where(place == 5).values(at=1)), 5, "was altered"),
        (lambda c: c.execute(update(ADMIN_ACTIONS).where(place == 1).values(request=None)), 1, "was altered"),
        (lambda c: c.execute(delete(ADMIN_ACTIONS).where(place == 1)), 1, "is missing"),
        (lambda c: c.execute(delete(ADMIN_ACTIONS).where(place == 4)), 4, "is missing"),
        (swap, 2, "does not hold the digest of the record before"),
        (forge, 4, "does not hold the digest of the record before"),
    ],
)
def test_what_is_altered_removed_or_moved_breaks_the_chain(
    engine: Engine, log: AdminLog, tamper: Tamper, broken_at: int, why: str
) -> None:
    with writing(engine) as connection:
        tamper(connection)
    verdict = log.verify()
    assert (verdict.whole, verdict.broken_at, verdict.records) == (False, broken_at, broken_at - 1)
    assert why in (verdict.why or "")


def test_an_end_that_was_cut_off_shows_against_a_digest_noted_earlier(engine: Engine, log: AdminLog) -> None:
    head = log.verify().head
    log.record("key:operator", "drain", "/v1/admin/drain")
    assert log.verify(head).whole
    with writing(engine) as connection:
        connection.execute(delete(ADMIN_ACTIONS).where(place >= 5))
    assert log.verify().whole
    assert "cut off" in (log.verify(head).why or "")


def test_every_record_leaves_its_digest_in_the_log_of_the_server(
    log: AdminLog, server_lines: pytest.LogCaptureFixture
) -> None:
    written = log.record("key:operator", "drain", "/v1/admin/drain")
    assert written.digest in server_lines.text


def test_many_writers_make_one_chain(engine: Engine) -> None:
    logs = [AdminLog(engine) for _ in range(4)]  # as many processes would have
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: logs[number % 4].record("cli:a", "x", str(number)), range(40)))
    verdict = logs[0].verify()
    assert (verdict.whole, verdict.records) == (True, 40)


def test_pages_follow_each_other_from_the_newest(log: AdminLog) -> None:
    assert [one.number for one in log.page(2)] == [5, 4]
    assert [one.number for one in log.page(2, before=4)] == [3, 2]
    assert log.page(2, before=1) == []


def test_an_act_and_its_record_are_written_together_or_not_at_all(engine: Engine, log: AdminLog, clock: Clock) -> None:
    with log.recording("cli:a", "create key", "one") as connection:
        create_key(connection, Wanted("one", ("predict",)), clock.moment)
    with pytest.raises(BadInputError, match="unfit"):
        _create_two(log, "two", "no fit")
    with engine.connect() as connection:
        assert [key.name for key in stored_keys(connection)] == ["one"]
    assert log.page(1)[0].target == "one"


def test_a_digest_covers_every_field_by_the_documented_rule(log: AdminLog) -> None:
    """One digest made by hand, then each field changed in turn."""
    (record,) = log.page(1, before=2)
    by_hand = (
        f'{FIRST}\n{{"action":"reload","actor":"key:operator","at":{record.at},"number":1,'
        '"request":"request-0","result":"done","target":"/v1/admin/reload"}'
    )
    assert record.digest == hashlib.sha256(by_hand.encode()).hexdigest()
    for name, value in dataclasses.asdict(record).items():
        if name != "digest":
            other: Any = value + 1 if isinstance(value, int) else "other"
            assert digest_of(dataclasses.replace(record, **{name: other})) != record.digest, name


def test_rows_that_were_slipped_in_break_the_chain(engine: Engine, log: AdminLog) -> None:
    (newest,) = log.page(1)
    with writing(engine) as connection:
        connection.execute(insert(ADMIN_ACTIONS).values({**newest.__dict__, "number": 6}))
    assert log.verify().broken_at == 6
