"""Passing reports on to the model server, whose prediction log monitoring and fairness over time are made of.

Reports are taken by a lease, so that several backends over one database may send: who dies while sending leaves rows
that are due again when the lease ends. A report that is sent twice does no harm. Of one decision the reports are sent
in their order, each after the one before was settled: the last one holds at the model server too.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Update, bindparam, exists, select

from apps.backend import moments
from apps.backend.decisions.tables import reports
from apps.backend.parts import Parts
from apps.backend.problems import ProblemError
from apps.backend.upstreams.model_server import ABOUT_THE_REQUEST
from apps.ml.deployment.client import Outcome, RefusedError

JOB = "outcomes"
EVERY_SECONDS = 1.0
BATCH = 500
LEASE_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
MOST_DOUBLINGS = 20
LONGEST_CODE = 60
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = Mapping[str, Any]


async def send_reports(parts: Parts) -> None:
    """Send what is due, batch after batch, until nothing is or the model server does not take it."""
    while parts.model_server.breaker.state != "open" and await _is_due(parts):
        if not await _send(parts, await _take(parts)):
            return


def pause_seconds(tries: int) -> float:
    """Return how long to wait after so many tries: doubled each time, to five minutes."""
    return float(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(tries - 1, MOST_DOUBLINGS)))


async def _is_due(parts: Parts) -> bool:
    query = select(reports.c.id).where(*_due()).limit(1)
    async with parts.database.reading() as connection:
        return (await connection.execute(query)).scalar() is not None


async def _take(parts: Parts) -> Sequence[Row]:
    """Return reports that are due; for the time of the lease nobody else gets them."""
    query = select(reports).where(*_due()).order_by(reports.c.next_try_at, reports.c.id).limit(BATCH)
    until = moments.now() + _microseconds(LEASE_SECONDS)
    async with parts.database.writing() as connection:
        rows = (await connection.execute(query.with_for_update(skip_locked=True))).mappings().all()
        taken = reports.update().where(reports.c.id.in_([row["id"] for row in rows]))
        await connection.execute(taken.values(next_try_at=until, tries=reports.c.tries + 1))
    return [dict(row) for row in rows]


def _due() -> tuple[Any, ...]:
    earlier = reports.alias("earlier")
    waits = exists().where(
        earlier.c.decision_id == reports.c.decision_id, earlier.c.state == "pending", earlier.c.id < reports.c.id
    )
    return reports.c.state == "pending", reports.c.next_try_at <= moments.now(), ~waits


async def _send(parts: Parts, rows: Sequence[Row]) -> bool:
    """Send reports and write down what became of them; tell whether the model server is there to take more."""
    if not rows:
        return False
    try:
        await parts.model_server.report([_outcome(row) for row in rows])
    except RefusedError as error:
        if error.status not in ABOUT_THE_REQUEST:
            await _postpone(parts, rows, error.code)
            return False
        return await _refuse(parts, rows, error)
    except ProblemError as problem:
        await _postpone(parts, rows, problem.code)
        return False
    await _settle(parts, rows, "sent", None)
    return True


async def _refuse(parts: Parts, rows: Sequence[Row], error: RefusedError) -> bool:
    """Settle the reports that the refusal names, for sending them again mends nothing; send the others again."""
    named = {finding.row for finding in error.findings}
    wrong = [row for position, row in enumerate(rows) if position in named or len(rows) == 1]
    await _settle(parts, wrong, "refused", error.code)
    if wrong:
        right = [row for position, row in enumerate(rows) if position not in named]
        return len(rows) == 1 or not right or await _send(parts, right)
    half = len(rows) // 2
    return await _send(parts, rows[:half]) and await _send(parts, rows[half:])


async def _settle(parts: Parts, rows: Sequence[Row], state: str, code: str | None) -> None:
    now = moments.now()
    values = {"state": state, "code": _short(code), "sent_at": now if state == "sent" else None}
    query = reports.update().where(reports.c.id.in_([row["id"] for row in rows]))
    if rows:
        async with parts.database.writing() as connection:
            await connection.execute(query.values(values))


async def _postpone(parts: Parts, rows: Sequence[Row], code: str) -> None:
    now = moments.now()
    when = [{"row": row["id"], "at": now + _microseconds(pause_seconds(row["tries"] + 1))} for row in rows]
    async with parts.database.writing() as connection:
        await connection.execute(_postponed(code), when)


def _postponed(code: str) -> Update:
    query = reports.update().where(reports.c.id == bindparam("row"), reports.c.state == "pending")
    return query.values(next_try_at=bindparam("at"), code=_short(code))


def _outcome(row: Row) -> Outcome:
    observed = row["observed_at"]
    moment = None if observed is None else EPOCH + timedelta(microseconds=observed)
    return Outcome(row["prediction_id"], row["label"], moment, row["source"])


def _short(code: str | None) -> str | None:
    return None if code is None else code[:LONGEST_CODE].replace("\0", "")


def _microseconds(seconds: float) -> int:
    return round(seconds * moments.MICROSECONDS)
