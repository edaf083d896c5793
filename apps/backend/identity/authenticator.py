"""From the secret that a request shows to its caller."""

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from sqlalchemy import and_, or_, select

from apps.backend import moments
from apps.backend.identity.caller import Caller, Role
from apps.backend.identity.secrets import KEY_PREFIX, LONGEST, SESSION_PREFIX, digest_of
from apps.backend.identity.tables import service_keys, sessions, users
from apps.backend.problems import ProblemError
from apps.backend.storage.database import Database

REMEMBERED_SECONDS = 5.0
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Found:
    """A caller, and the moment when the secret ends; None: it has no end."""

    caller: Caller
    ends_at: int | None


class Authenticator:
    """Finds callers; one that was found is remembered for a few seconds, after which a revoked secret is refused.

    A secret is never remembered beyond its own end.
    """

    def __init__(self, database: Database, remembered_seconds: float = REMEMBERED_SECONDS) -> None:
        self._database, self._seconds = database, remembered_seconds
        self._remembered: dict[bytes, tuple[Caller, float]] = {}
        self._changes = 0

    async def caller(self, secret: str | None) -> Caller:
        """Return the caller who shows this secret.

        Raises
        ------
        ProblemError
            401 no secret, none that is known, expired or revoked.
        """
        if not secret or len(secret) > LONGEST:
            raise refused()
        digest = digest_of(secret)
        known = self._remembered.get(digest)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        changes = self._changes
        found = await self._found(secret, digest)
        if found is None:
            self._remembered.pop(digest, None)
            raise refused()
        # What was read before a change must not be remembered after it.
        if changes == self._changes:
            self._remember(digest, found)
        return found.caller

    def forget(self) -> None:
        """Look everybody up anew: somebody's secret or role was changed here."""
        self._changes += 1
        self._remembered.clear()

    def _remember(self, digest: bytes, found: _Found) -> None:
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        seconds = self._seconds
        if found.ends_at is not None:
            seconds = min(seconds, (found.ends_at - moments.now()) / moments.MICROSECONDS)
        self._remembered[digest] = (found.caller, time.monotonic() + seconds)

    async def _found(self, secret: str, digest: bytes) -> _Found | None:
        if secret.startswith(SESSION_PREFIX):
            return await self._of_session(digest)
        return await self._of_key(digest) if secret.startswith(KEY_PREFIX) else None

    async def _of_session(self, digest: bytes) -> _Found | None:
        query = (
            select(users.c.id, users.c.organisation_id, users.c.name, users.c.role, sessions.c.expires_at)
            .join(sessions, sessions.c.user_id == users.c.id)
            .where(sessions.c.digest == digest, sessions.c.expires_at > moments.now(), users.c.is_active)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        return _Found(Caller(row.organisation_id, f"user:{row.id}", row.name, cast(Role, row.role)), row.expires_at)

    async def _of_key(self, digest: bytes) -> _Found | None:
        now = moments.now()
        is_old = and_(service_keys.c.old_digest == digest, service_keys.c.old_until > now)
        query = select(service_keys).where(
            or_(service_keys.c.digest == digest, is_old),
            service_keys.c.revoked_at.is_(None),
            or_(service_keys.c.expires_at.is_(None), service_keys.c.expires_at > now),
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        ends_at = row.expires_at if row.digest == digest else row.old_until
        return _Found(Caller(row.organisation_id, f"key:{row.id}", row.name, cast(Role, row.role)), ends_at)


def refused() -> ProblemError:
    """Return the refusal of a request without a valid secret."""
    detail = "No valid session or service key. Send one as `Authorization: Bearer …`; POST /api/v1/sessions makes one."
    return ProblemError(HTTPStatus.UNAUTHORIZED, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})
