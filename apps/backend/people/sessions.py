"""Sessions: opened by whoever signs in, ended by their user, by an admin, or by time."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.appending import append
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Caller, Role
from apps.backend.identity.secrets import SESSION_PREFIX, digest_of, new_secret
from apps.backend.identity.tables import sessions, users
from apps.backend.parts import Parts
from apps.backend.people.texts import Moment
from apps.backend.problems import not_found
from apps.backend.storage.database import Database

LASTS = timedelta(hours=12)
MOST_OF_A_USER = 20
"""Whoever opens one more ends the oldest."""


class OpenedSession(BaseModel):
    """A session that begins. `token` is shown this once; it is sent as `Authorization: Bearer …` until `expires_at`."""

    token: str
    expires_at: Moment
    role: Role


class EndedSessions(BaseModel):
    """How many sessions were ended."""

    ended: int


async def open_session(connection: AsyncConnection, by: Caller) -> OpenedSession:
    """Open a session of the user who calls."""
    user, token, now = by.user, new_secret(SESSION_PREFIX), moments.now()
    expires_at = now + LASTS // timedelta(microseconds=1)
    row = {
        "id": new_id(),
        "organisation_id": by.organisation,
        "user_id": user,
        "digest": digest_of(token),
        "created_at": now,
        "expires_at": expires_at,
    }
    await connection.execute(sessions.insert(), row)
    await _end_oldest(connection, user)
    await append(connection, by, "session.opened", by.actor)
    return OpenedSession(token=token, expires_at=moments.to_text(expires_at), role=by.role)


async def end_session(connection: AsyncConnection, by: Caller, token: str) -> None:
    """End the session that a token opens."""
    query = sessions.delete().where(
        sessions.c.organisation_id == by.organisation, sessions.c.digest == digest_of(token)
    )
    if (await connection.execute(query)).rowcount:
        await append(connection, by, "session.ended", by.actor)


async def end_sessions_of(parts: Parts, by: Caller, user: str) -> EndedSessions:
    """End all sessions of a user at once.

    Raises
    ------
    ProblemError
        404 there is no such user in the caller's organisation.
    """
    query = select(users.c.id).where(users.c.organisation_id == by.organisation, users.c.id == user)
    async with parts.database.writing() as connection:
        if (await connection.execute(query)).one_or_none() is None:
            raise not_found("user")
        ended = await end_sessions(connection, by, user)
        await append(connection, by, "sessions.ended", f"user:{user}", {"sessions_ended": ended})
    parts.authenticator.forget()
    return EndedSessions(ended=ended)


async def end_sessions(connection: AsyncConnection, by: Caller, user: str) -> int:
    """End all sessions of a user of the caller's organisation and return how many were not over."""
    query = (
        sessions.delete()
        .where(sessions.c.organisation_id == by.organisation, sessions.c.user_id == user)
        .returning(sessions.c.expires_at)
    )
    now = moments.now()
    return sum(expires_at > now for expires_at in (await connection.execute(query)).scalars().all())


async def remove_expired(database: Database) -> int:
    """Remove the rows of sessions that are over, of every organisation, and return how many there were."""
    async with database.writing() as connection:
        done: Any = await connection.execute(sessions.delete().where(sessions.c.expires_at <= moments.now()))
        return int(done.rowcount)


async def _end_oldest(connection: AsyncConnection, user: str | None) -> None:
    kept = select(sessions.c.id).where(sessions.c.user_id == user).order_by(sessions.c.id.desc()).limit(MOST_OF_A_USER)
    newest = (await connection.execute(kept)).scalars().all()
    await connection.execute(sessions.delete().where(sessions.c.user_id == user, sessions.c.id.not_in(newest)))
