"""From the secret that a request shows to its caller."""

import time
from http import HTTPStatus
from typing import cast

from sqlalchemy import select

from apps.backend import moments
from apps.backend.identity.caller import Caller, Role
from apps.backend.identity.secrets import KEY_PREFIX, LONGEST, SESSION_PREFIX, digest_of
from apps.backend.identity.tables import service_keys, sessions, users
from apps.backend.problems import ProblemError
from apps.backend.storage.database import Database

REMEMBERED_SECONDS = 5.0
MOST_REMEMBERED = 10_000


class Authenticator:
    """Finds callers; one that was found is remembered for a few seconds, after which a revoked secret is refused."""

    def __init__(self, database: Database, remembered_seconds: float = REMEMBERED_SECONDS) -> None:
        self._database, self._seconds = database, remembered_seconds
        self._remembered: dict[bytes, tuple[Caller, float]] = {}

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
        found = await self._found(secret, digest)
        if found is None:
            self._remembered.pop(digest, None)
            raise refused()
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = (found, time.monotonic() + self._seconds)
        return found

    def forget(self) -> None:
        """Look everybody up anew: somebody's secret or role was changed here."""
        self._remembered.clear()

    async def _found(self, secret: str, digest: bytes) -> Caller | None:
        if secret.startswith(SESSION_PREFIX):
            return await self._of_session(digest)
        return await self._of_key(digest) if secret.startswith(KEY_PREFIX) else None

    async def _of_session(self, digest: bytes) -> Caller | None:
        query = (
            select(users.c.id, users.c.organisation_id, users.c.name, users.c.role)
            .join(sessions, sessions.c.user_id == users.c.id)
            .where(sessions.c.digest == digest, sessions.c.expires_at > moments.now(), users.c.is_active)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return row and Caller(row.organisation_id, f"user:{row.id}", row.name, cast(Role, row.role))

    async def _of_key(self, digest: bytes) -> Caller | None:
        query = select(service_keys).where(service_keys.c.digest == digest, service_keys.c.revoked_at.is_(None))
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None or (row.expires_at is not None and row.expires_at <= moments.now()):
            return None
        return Caller(row.organisation_id, f"key:{row.id}", row.name, cast(Role, row.role))


def refused() -> ProblemError:
    """Return the refusal of a request without a valid secret."""
    detail = "No valid session or service key. Send one as `Authorization: Bearer …`; POST /api/v1/sessions makes one."
    return ProblemError(HTTPStatus.UNAUTHORIZED, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})
