"""Signing in with organisation, email and password.

Every refusal is in the same words and takes the same work, whatever was wrong: the organisation, the email, the
password, or that the user is not active.
"""

from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend.audit_log.appending import append, append_as
from apps.backend.identity.attempts import WRONG
from apps.backend.identity.caller import Caller, Role
from apps.backend.identity.tables import users
from apps.backend.parts import Parts
from apps.backend.people.organisations import name_of_organisation
from apps.backend.people.password_rules import require_strong
from apps.backend.people.sessions import OpenedSession, end_sessions, open_session
from apps.backend.people.texts import Email, Name, NewPassword, ShownPassword
from apps.backend.problems import ProblemError
from apps.backend.storage.tables import folded, organisations

SOMEBODY = "somebody"
"""The actor of what was tried by whoever it was."""
MOST_NOTED = 1_000


class Credentials(BaseModel):
    """Who signs in. `organisation`: its name, in any case."""

    model_config = ConfigDict(extra="forbid")

    organisation: Name
    email: Email
    password: ShownPassword


class PasswordChange(BaseModel):
    """A user's new password, and the one until now."""

    model_config = ConfigDict(extra="forbid")

    current_password: ShownPassword
    new_password: NewPassword


@dataclass(frozen=True)
class _Account:
    """A user whose password was right. `password`: the stored hash; `is_outdated`: of other parameters than today's."""

    caller: Caller
    email: str
    password: str
    is_outdated: bool


class SignIn:
    """Opens sessions for passwords, and keeps what it refused until it is written to the audit log."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._refused: Counter[tuple[str, str]] = Counter()

    async def open(self, shown: Credentials, address: str | None) -> OpenedSession:
        """Open a session for whoever knows the password.

        Raises
        ------
        ProblemError
            401 `wrong_credentials`; 409 `changed_meanwhile`; 429 `too_many_attempts`.
        """
        organisation = folded(shown.organisation)
        query = _accounts().where(organisations.c.folded_name == organisation, users.c.email == shown.email)
        password = shown.password.get_secret_value()
        with self._parts.attempts.counted(address, f"{shown.email} {organisation}"):
            account = await self._entered(query, password)
            if account is None:
                raise wrong_credentials()
            better = await self._parts.passwords.hash(password) if account.is_outdated else None
            async with self._parts.database.writing() as connection:
                caller = await _require_unchanged(connection, account)
                if better is not None:
                    await _store_password(connection, caller, better)
                return await open_session(connection, caller)

    async def change_password(self, by: Caller, change: PasswordChange, address: str | None) -> OpenedSession:
        """Change the caller's own password, end all sessions of the caller, and open a new one.

        Raises
        ------
        ProblemError
            403 `wrong_credentials`; 409 `no_password` of a service key, `changed_meanwhile`; 422 `weak_password`; 429
            `too_many_attempts`.
        """
        if by.user is None:
            detail = "A service key has no password. Rotate the key instead."
            raise ProblemError(HTTPStatus.CONFLICT, "no_password", detail)
        with self._parts.attempts.counted(address, by.actor):
            shown = change.current_password.get_secret_value()
            account = await self._entered(_accounts().where(users.c.id == by.user), shown)
            if account is None:
                raise _wrong_current_password()
            stored = await self._hashed(account, change.new_password.get_secret_value())
            async with self._parts.database.writing() as connection:
                caller = await _require_unchanged(connection, account)
                await _store_password(connection, caller, stored)
                ended = await end_sessions(connection, caller, by.user)
                facts = {"changed": ["password"], "sessions_ended": ended}
                await append(connection, caller, "user.changed", caller.actor, facts)
                opened = await open_session(connection, caller)
        self._parts.authenticator.forget()
        return opened

    async def write_down_refused(self) -> None:
        """Append what was refused since the last time to the audit logs, one entry for each user.

        It is not done while the client waits: that would tell whether there is such a user.
        """
        for (organisation, user), times in list(self._refused.items()):
            async with self._parts.database.writing() as connection:
                facts = {"times": times}
                await append_as(connection, organisation, SOMEBODY, "session.refused", f"user:{user}", facts)
            self._refused[organisation, user] -= times
            self._refused += Counter()  # leaves out what is written

    async def _entered(self, query: Select[Any], password: str) -> _Account | None:
        """Return the account if it is active and this is its password; all else takes the same work."""
        async with self._parts.database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        checked = await self._parts.passwords.check(None if row is None else row.password, password)
        if row is None:
            return None
        if not checked.is_right or not row.is_active:
            self._note(row.organisation_id, row.id)
            return None
        return _account(row, checked.is_outdated)

    async def _hashed(self, account: _Account, password: str) -> str:
        async with self._parts.database.reading() as connection:
            organisation = await name_of_organisation(connection, account.caller.organisation)
        require_strong(password, (account.email, account.caller.name, organisation), "body.new_password")
        return await self._parts.passwords.hash(password)

    def _note(self, organisation: str, user: str) -> None:
        if (organisation, user) in self._refused or len(self._refused) < MOST_NOTED:
            self._refused[organisation, user] += 1


def wrong_credentials() -> ProblemError:
    """Return the refusal of whoever could not be signed in."""
    detail = "Organisation, email and password do not fit together, or the user is not active. Ask an admin for help."
    return ProblemError(HTTPStatus.UNAUTHORIZED, WRONG, detail, headers={"WWW-Authenticate": "Bearer"})


def _wrong_current_password() -> ProblemError:
    """Not 401: the session is still a valid one."""
    detail = "The current password is another. Write it again, or ask an admin for a new one."
    return ProblemError(HTTPStatus.FORBIDDEN, WRONG, detail)


def _accounts() -> Select[Any]:
    return select(users).join(organisations, organisations.c.id == users.c.organisation_id)


def _account(row: Row[Any], is_outdated: bool = False) -> _Account:
    caller = Caller(row.organisation_id, f"user:{row.id}", row.name, cast(Role, row.role))
    return _Account(caller, row.email, row.password, is_outdated)


async def _require_unchanged(connection: AsyncConnection, account: _Account) -> Caller:
    """Return the user as of now, and let nobody change it meanwhile; refuse where it was changed since it was found."""
    query = select(users).where(
        users.c.id == account.caller.user, users.c.password == account.password, users.c.is_active
    )
    row = (await connection.execute(query.with_for_update(key_share=True))).one_or_none()
    if row is None:
        detail = "This user was changed in the same moment. Sign in again."
        raise ProblemError(HTTPStatus.CONFLICT, "changed_meanwhile", detail)
    return _account(row).caller


async def _store_password(connection: AsyncConnection, caller: Caller, stored: str) -> None:
    await connection.execute(users.update().where(users.c.id == caller.user).values(password=stored))
