"""Requests that are sent again under the same `Idempotency-Key`: done once, answered alike.

A client that got no answer cannot know whether its request was done. It sends it again under the same key and gets the
answer of the first time. Keys are the organisation's, one set for each route, and are kept for 24 hours. A request that
runs holds its key and says so every few seconds; the key of a process that died is free after :data:`HELD_SECONDS`.

References: IETF draft-ietf-httpapi-idempotency-key-header-07.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Protocol, TypeVar

import structlog
from fastapi import Header
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Caller
from apps.backend.problems import ProblemError
from apps.backend.protection.tables import LONGEST_ROUTE, idempotency_keys
from apps.backend.storage.database import Database

LOG = structlog.get_logger("backend")
KEPT_SECONDS = 24 * 3600
HELD_SECONDS = 60
RENEW_SECONDS = 20.0
RETRY_SECONDS = 2
HEADER = "Idempotency-Key"

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=HEADER,
        min_length=1,
        max_length=100,
        pattern="^[ -~]+$",
        description="Sent again with the same key within 24 hours, the request is not done again: the first answer is "
        "returned. 1 to 100 printable ASCII characters, one key for each request that is meant once.",
    ),
]
Answer = TypeVar("Answer", bound=BaseModel)


class HasDatabase(Protocol):
    """What keys are kept in, as the backend's parts have it."""

    @property
    def database(self) -> Database:
        """The database."""


@dataclass
class _Hold:
    """This request's hold on a key; `id`: of the row, new with every holder."""

    id: str
    is_kept: bool = False


_HOLD: ContextVar[_Hold | None] = ContextVar("hold", default=None)


async def once(
    parts: HasDatabase,
    caller: Caller,
    request_key: str | None,
    route: str,
    body: object,
    work: Callable[[], Awaitable[Answer]],
    model: type[Answer],
) -> Answer:
    """Do `work` and return its answer, or return the stored answer where this key's work was done before.

    Where the work ended but the process died before its answer was stored, a repeated request does it again after
    :data:`HELD_SECONDS`. Work that must not be done twice even then stores its answer itself, in the transaction of
    what it does: see :func:`keep`. Answers that hold secrets must not pass here: they would be stored.

    Parameters
    ----------
    request_key
        The header's value; None: the work is done without more ado.
    route
        Method and path as they were asked for, with the names in the path; at most 500 characters.
    body
        What was asked: a pydantic model, bytes, or anything JSON-ready.
    model
        What the answer is; it must come back from its own JSON.

    Raises
    ------
    ProblemError
        422 `idempotency_key_reused` the key stands for another body; 409 `in_progress` the first request still runs.
        Whatever `work` raises; the key is free again then.
    """
    if request_key is None:
        return await work()
    if len(route) > LONGEST_ROUTE:
        raise ValueError(f"a route has at most {LONGEST_ROUTE} characters. Name it shorter.")
    hold = _Hold(new_id())
    async with parts.database.writing() as connection:
        stored = await _hold_or_stored(connection, hold, caller, route, _digest(request_key), _digest(body))
    if stored is not None:
        return model.model_validate_json(stored)
    return await _held(parts.database, hold, work)


async def keep(connection: AsyncConnection, answer: BaseModel) -> None:
    """Store the answer of the work that runs, in the transaction of what it does; without a key nothing is stored.

    Raises
    ------
    ProblemError
        409 the work took so long without a sign of life that another request does it now: nothing may be written.
    """
    hold = _HOLD.get()
    if hold is None:
        return
    if not await _store(connection, hold, answer):
        raise _in_progress()
    hold.is_kept = True


async def forget_old(parts: HasDatabase) -> int:
    """Remove the keys that are older than 24 hours and return how many there were."""
    async with parts.database.writing() as connection:
        query = idempotency_keys.delete().where(idempotency_keys.c.created_at < _oldest())
        return (await connection.execute(query)).rowcount


async def _hold_or_stored(
    connection: AsyncConnection, hold: _Hold, caller: Caller, route: str, key: bytes, body: bytes
) -> str | None:
    """Take hold of a key, or return what its work answered."""
    now = moments.now()
    row = {
        "id": hold.id,
        "organisation_id": caller.organisation,
        "route": route,
        "key_digest": key,
        "body_digest": body,
        "answer": None,
        "created_at": now,
        "held_until": now + HELD_SECONDS * moments.MICROSECONDS,
    }
    insert: Any = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(idempotency_keys)
    # The unique constraint decides between two who come at once, in this process or in another.
    new = insert.values(row).on_conflict_do_nothing().returning(idempotency_keys.c.id)
    if (await connection.execute(new)).scalar() is not None:
        return None
    query = select(idempotency_keys).where(
        idempotency_keys.c.organisation_id == caller.organisation,
        idempotency_keys.c.route == route,
        idempotency_keys.c.key_digest == key,
    )
    found = (await connection.execute(query.with_for_update())).one_or_none()
    if found is None:
        raise _in_progress()  # it was freed between the two looks; the next try takes it
    is_abandoned = found.answer is None and found.held_until < now
    if found.created_at < _oldest() or is_abandoned:
        await connection.execute(idempotency_keys.update().where(idempotency_keys.c.id == found.id).values(row))
        return None
    if found.body_digest != body:
        raise _reused()
    if found.answer is None:
        raise _in_progress()
    return str(found.answer)


async def _held(database: Database, hold: _Hold, work: Callable[[], Awaitable[Answer]]) -> Answer:
    token = _HOLD.set(hold)
    try:
        async with _renewed(database, hold):
            answer = await work()
    except BaseException:
        await asyncio.shield(_free(database, hold))
        raise
    finally:
        _HOLD.reset(token)
    if not hold.is_kept:
        await _store_late(database, hold, answer)
    return answer


@asynccontextmanager
async def _renewed(database: Database, hold: _Hold) -> AsyncIterator[None]:
    renewing = asyncio.create_task(_renew(database, hold))
    try:
        yield
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing


async def _renew(database: Database, hold: _Hold) -> None:
    """Say again and again that the work still runs."""
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        until = moments.now() + HELD_SECONDS * moments.MICROSECONDS
        try:
            async with database.writing() as connection:
                query = idempotency_keys.update().where(idempotency_keys.c.id == hold.id)
                await connection.execute(query.values(held_until=until))
        except ProblemError as problem:
            LOG.warning("key not renewed", code=problem.code)


async def _free(database: Database, hold: _Hold) -> None:
    query = idempotency_keys.delete().where(idempotency_keys.c.id == hold.id, idempotency_keys.c.answer.is_(None))
    try:
        async with database.writing() as connection:
            await connection.execute(query)
    except ProblemError as problem:
        LOG.warning("key not freed", code=problem.code, free_after_seconds=HELD_SECONDS)


async def _store_late(database: Database, hold: _Hold, answer: BaseModel) -> None:
    """Store the answer of work that is done: a failure here must not take it from the client."""
    try:
        async with database.writing() as connection:
            await _store(connection, hold, answer)
    except ProblemError as problem:
        LOG.warning("answer not stored", code=problem.code)


async def _store(connection: AsyncConnection, hold: _Hold, answer: BaseModel) -> bool:
    """Store the answer, and tell whether the key was still held."""
    text = answer.model_dump_json(by_alias=True, round_trip=True)
    query = idempotency_keys.update().where(idempotency_keys.c.id == hold.id).values(answer=text)
    return (await connection.execute(query)).rowcount == 1


def _digest(content: object) -> bytes:
    """Return sha256 of bytes as they are, of anything else as canonical JSON."""
    if isinstance(content, BaseModel):
        content = content.model_dump(mode="json")
    if not isinstance(content, bytes):
        content = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    return hashlib.sha256(content).digest()


def _oldest() -> int:
    return moments.now() - KEPT_SECONDS * moments.MICROSECONDS


def _reused() -> ProblemError:
    detail = f"This {HEADER} stands for a request with another body. Send each request under a key of its own."
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)


def _in_progress() -> ProblemError:
    detail = f"A request with this {HEADER} still runs. Send this one again when Retry-After is over."
    return ProblemError(HTTPStatus.CONFLICT, "in_progress", detail, headers={"Retry-After": str(RETRY_SECONDS)})
