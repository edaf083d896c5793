"""Doing what was approved: once in effect, whatever is away, restarted or slow in between.

The row is the memory. Before the registry is asked, the row says that it may be done; what the registry answers is
written into the row; where no answer came, the champion is looked at before anything is asked again:

| the champion is | the registry was not asked yet | it was asked and its answer is unknown |
|---|---|---|
| as when it was asked for | it is asked | it is asked again |
| the version asked for, or in a roll back another one | `stale` | `done`, found so |
| anything else | `stale` | `stale` |
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import or_, select

from apps.backend import moments
from apps.backend.audit_log.appending import append_as
from apps.backend.models.addresses import printable
from apps.backend.models.bodies import Result, State
from apps.backend.models.promotions import LEASE
from apps.backend.models.tables import promotions
from apps.backend.parts import AfterPromotion
from apps.backend.problems import ProblemError
from apps.backend.storage.database import Database
from apps.backend.upstreams.evidence_service import EvidenceServiceError
from apps.backend.upstreams.registry import ChampionMovedError, NotDoneError, Registry
from apps.backend.upstreams.registry_answers import Reasons

LOG = structlog.get_logger("backend")
ACTOR = "backend"
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 300.0
GIVEN_UP_SECONDS = 24 * 3600
UNSEEN_SECONDS = 60.0
"""A roll back whose answer was lost may still be at work; asked for again meanwhile, it would go back twice."""

AT_ONCE = 10
MOST_FINDINGS = 100


@dataclass(frozen=True)
class End:
    """What became of it."""

    state: State
    result: Result


class Execution:
    """Does what was approved, in the request that approves it and, where that did not get to the end, in a job.

    `following`: what else is done, in the transaction that writes down a promotion as done.
    """

    def __init__(self, database: Database, registry: Registry, following: Sequence[AfterPromotion]) -> None:
        self._database, self._registry, self._following = database, registry, following

    async def carry_out_due(self, now: int) -> None:
        """Do what is approved and due at `now`, in microseconds since 1970, and not in anybody's hands."""
        query = select(promotions.c.organisation_id, promotions.c.id).where(
            promotions.c.state == "approved", promotions.c.next_try_at <= now
        )
        async with self._database.reading() as connection:
            due = (await connection.execute(query.order_by(promotions.c.next_try_at).limit(AT_ONCE))).all()
        for organisation, promotion in due:
            if await self._taken(organisation, promotion, now):
                await self.carry_out(organisation, promotion)

    async def carry_out(self, organisation: str, promotion: str) -> None:
        """Try once to do what is approved and in this process's hands; where nobody answers it stays approved."""
        row = await self._begun(organisation, promotion)
        if row is None:
            return
        try:
            end = await self._tried(row)
        except ProblemError as problem:
            if problem.status < 500:
                end = End("not_promoted", Result(before=row.champion, code=problem.code, reason=problem.detail))
            else:
                await self._put_off(row, problem)
                return
        await self._end(row, end)

    async def _tried(self, row: Any) -> End:
        champion = await self._registry.champion(row.model)
        if champion != row.champion:
            return _found(row, champion)
        if row.decided_at + GIVEN_UP_SECONDS * moments.MICROSECONDS < moments.now():
            return _stale(row, champion, "Nobody could do it for a day. Ask for it again.")
        await self._change(row, {"may_be_done": True})
        try:
            return await self._asked(row)
        except NotDoneError as error:
            return _refused(row, error.reasons)
        except ChampionMovedError:
            return _found(row, await self._registry.champion(row.model))
        except EvidenceServiceError as error:
            if not error.was_sent and not row.may_be_done:
                await self._change(row, {"may_be_done": False})
            raise

    async def _asked(self, row: Any) -> End:
        if row.kind == "rollback":
            rolled = await self._registry.roll_back(row.model, row.champion, _signed(row), row.id)
            return End("done", Result(before=rolled.left, after=rolled.came))
        made = await self._registry.promote(row.model, row.version, row.champion, _signed(row), row.id)
        return End("done", Result(before=row.champion, after=made.version, verdict=made.verdict))

    async def _taken(self, organisation: str, promotion: str, now: int) -> bool:
        """Take what is due into this process's hands; of two at once, the second comes too late."""
        query = promotions.update().where(
            promotions.c.organisation_id == organisation,
            promotions.c.id == promotion,
            promotions.c.state == "approved",
            or_(promotions.c.next_try_at.is_(None), promotions.c.next_try_at <= now),
        )
        async with self._database.writing() as connection:
            return (await connection.execute(query.values(next_try_at=now + LEASE))).rowcount == 1

    async def _begun(self, organisation: str, promotion: str) -> Any | None:
        """Count a try and return the row; None where it is no longer to be done."""
        query = promotions.update().where(
            promotions.c.organisation_id == organisation,
            promotions.c.id == promotion,
            promotions.c.state == "approved",
        )
        async with self._database.writing() as connection:
            query = query.values(tries=promotions.c.tries + 1)
            return (await connection.execute(query.returning(*promotions.c))).one_or_none()

    async def _put_off(self, row: Any, problem: ProblemError) -> None:
        ceiling = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(row.tries - 1, 20))
        pause = ceiling * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
        if row.kind == "rollback" and getattr(problem, "was_sent", False):
            pause += UNSEEN_SECONDS
        LOG.warning("promotion put off", promotion=row.id, code=problem.code, seconds=round(pause, 1))
        await self._change(
            row, {"problem": problem.code, "next_try_at": moments.now() + round(pause * moments.MICROSECONDS)}
        )

    async def _end(self, row: Any, end: End) -> None:
        ended = {
            "state": end.state,
            "result": end.result.model_dump(mode="json"),
            "ended_at": moments.now(),
            "problem": None,
            "next_try_at": None,
        }
        about = {
            "kind": row.kind,
            "model": row.model,
            "requested_by": row.requested_by,
            "approved_by": row.decided_by,
            **end.result.model_dump(mode="json", include={"before", "after", "verdict", "code", "was_found_done"}),
        }
        query = promotions.update().where(
            promotions.c.organisation_id == row.organisation_id,
            promotions.c.id == row.id,
            promotions.c.state == "approved",
        )
        async with self._database.writing() as connection:
            if (await connection.execute(query.values(ended))).rowcount != 1:
                return
            action, target = f"promotion.{end.state}", f"promotion:{row.id}"
            await append_as(connection, row.organisation_id, ACTOR, action, target, about)
            if end.state == "done" and end.result.after is not None:
                for follow in self._following:
                    await follow(connection, row.organisation_id, row.model, end.result.after)

    async def _change(self, row: Any, values: dict[str, object]) -> None:
        query = promotions.update().where(
            promotions.c.organisation_id == row.organisation_id, promotions.c.id == row.id
        )
        async with self._database.writing() as connection:
            await connection.execute(query.values(values))


def _signed(row: Any) -> str:
    """Return what stays with the version in the registry: the reason, and who is behind it."""
    return f"{printable(row.reason)} [promotion {row.id}: {row.requested_by}, approved by {row.decided_by}]"


def _refused(row: Any, reasons: Reasons) -> End:
    told = {"code": reasons.code, "reason": reasons.message, "findings": reasons.findings[:MOST_FINDINGS]}
    return End("not_promoted", Result(before=row.champion, **told))


def _found(row: Any, champion: str | None) -> End:
    """Say what it means that the champion is another than when it was asked for."""
    as_wanted = champion == row.version if row.kind == "promotion" else champion is not None
    if row.may_be_done and as_wanted:
        return End("done", Result(before=row.champion, after=champion, was_found_done=True))
    return _stale(row, champion, "The champion is another than when this was asked for. Ask for it again.")


def _stale(row: Any, champion: str | None, reason: str) -> End:
    return End("stale", Result(before=row.champion, after=champion, code="stale", reason=reason))
