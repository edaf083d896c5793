"""Users: made, listed and changed by admins of their organisation."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.appending import append
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Caller, Role
from apps.backend.identity.tables import users
from apps.backend.parts import Parts
from apps.backend.people.organisations import lock_organisation, name_of_organisation
from apps.backend.people.password_rules import require_strong
from apps.backend.people.sessions import end_sessions
from apps.backend.people.texts import Email, Moment, Name, NewPassword
from apps.backend.problems import ProblemError, not_found
from apps.backend.storage.pages import Page, rows_of_page

SHOWN = (users.c.id, users.c.email, users.c.name, users.c.role, users.c.is_active, users.c.created_at)
ENDS_SESSIONS = frozenset(("role", "is_active", "password"))
"""Changes after which a user has to sign in anew."""


class Person(BaseModel):
    """Somebody who shall be able to sign in."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    name: Name
    role: Role


class NewUser(Person):
    """A person with the first password."""

    password: NewPassword


class UserChanges(BaseModel):
    """What shall be another way; what is left out or null stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    role: Role | None = None
    is_active: bool | None = Field(default=None, strict=True)
    password: NewPassword | None = None


class User(BaseModel):
    """A user; those who are not active cannot sign in."""

    id: str
    email: str
    name: str
    role: Role
    is_active: bool
    created_at: Moment


async def create_user(parts: Parts, by: Caller, new: NewUser) -> User:
    """Make a user of the caller's organisation.

    Raises
    ------
    ProblemError
        409 `email_taken` by another user of this organisation; 422 `weak_password`.
    """
    password = new.password.get_secret_value()
    async with parts.database.reading() as connection:
        organisation = await name_of_organisation(connection, by.organisation)
    require_strong(password, (new.email, new.name, organisation))
    stored = await parts.passwords.hash(password)
    async with parts.database.writing() as connection:
        return await store_user(connection, by, new, stored)


async def store_user(connection: AsyncConnection, by: Caller, new: Person, stored: str) -> User:
    """Write a user down whose password was checked and hashed; errors as of :func:`create_user`."""
    row = {
        "id": new_id(),
        "organisation_id": by.organisation,
        "email": new.email,
        "name": new.name,
        "role": new.role,
        "password": stored,
        "is_active": True,
        "created_at": moments.now(),
    }
    try:
        await connection.execute(users.insert(), row)
    except IntegrityError as error:
        detail = "A user of your organisation has this email. Change that user, or take another email."
        raise ProblemError(HTTPStatus.CONFLICT, "email_taken", detail) from error
    await append(connection, by, "user.created", f"user:{row['id']}", {"role": new.role})
    return shown(row)


async def list_users(
    connection: AsyncConnection, by: Caller, limit: int, cursor: str | None, role: Role | None, is_active: bool | None
) -> Page[User]:
    """Return one page of the organisation's users, the newest first; None as a filter lets everybody through."""
    query: Select[Any] = select(*SHOWN).where(users.c.organisation_id == by.organisation)
    if role is not None:
        query = query.where(users.c.role == role)
    if is_active is not None:
        query = query.where(users.c.is_active.is_(is_active))
    rows, following = await rows_of_page(connection, query, users.c.id, limit, cursor)
    return Page(items=[shown(row) for row in rows], next_cursor=following)


async def find_user(connection: AsyncConnection, by: Caller, user: str) -> User:
    """Return a user of the caller's organisation.

    Raises
    ------
    ProblemError
        404 there is none of this id.
    """
    return shown((await _row(connection, by, user))._asdict())


async def change_user(parts: Parts, by: Caller, user: str, changes: UserChanges) -> User:
    """Change a user at once: where role, password or activity became another, all sessions of the user end.

    Raises
    ------
    ProblemError
        404 there is none of this id; 409 `last_admin` nobody could manage the organisation any more; 422
        `weak_password`.
    """
    values = changes.model_dump(exclude_none=True, exclude={"password"})
    if changes.password is not None:
        values["password"] = await _hashed(parts, by, user, changes.password.get_secret_value())
    async with parts.database.writing() as connection:
        changed = await store_changes(connection, by, user, values)
    parts.authenticator.forget()
    return changed


async def store_changes(connection: AsyncConnection, by: Caller, user: str, values: dict[str, Any]) -> User:
    """Write down what became another way, columns by name, the password hashed; errors as of :func:`change_user`."""
    await lock_organisation(connection, by.organisation)
    before = await _row(connection, by, user)
    changed = {name: value for name, value in values.items() if getattr(before, name) != value}
    if not changed:
        return shown(before._asdict())
    loses = changed.get("role", "admin") != "admin" or not changed.get("is_active", True)
    if loses and before.role == "admin" and before.is_active:
        await _require_another_admin(connection, by, user)
    await connection.execute(users.update().where(users.c.id == user).values(changed))
    # Behind the update: a session that is being opened meanwhile waits for the row or is found here.
    ended = await end_sessions(connection, by, user) if ENDS_SESSIONS & changed.keys() else 0
    await append(connection, by, "user.changed", f"user:{user}", _facts(before, changed, ended))
    return shown({**before._asdict(), **changed})


async def _hashed(parts: Parts, by: Caller, user: str, password: str) -> str:
    async with parts.database.reading() as connection:
        found = await find_user(connection, by, user)
        organisation = await name_of_organisation(connection, by.organisation)
    require_strong(password, (found.email, found.name, organisation))
    return await parts.passwords.hash(password)


async def _row(connection: AsyncConnection, by: Caller, user: str) -> Any:
    query = select(*SHOWN, users.c.password).where(users.c.organisation_id == by.organisation, users.c.id == user)
    found = (await connection.execute(query)).one_or_none()
    if found is None:
        raise not_found("user")
    return found


async def _require_another_admin(connection: AsyncConnection, by: Caller, user: str) -> None:
    query = (
        select(func.count())
        .select_from(users)
        .where(
            users.c.organisation_id == by.organisation,
            users.c.id != user,
            users.c.role == "admin",
            users.c.is_active,
        )
    )
    if (await connection.execute(query)).scalar_one() == 0:
        detail = "This is the last active admin of the organisation. Make somebody else an admin first."
        raise ProblemError(HTTPStatus.CONFLICT, "last_admin", detail)


def _facts(before: Any, changed: dict[str, Any], ended: int) -> dict[str, Any]:
    """What the audit log says of a change: which columns, role and activity with both values, never the password."""
    facts: dict[str, Any] = {"changed": sorted(changed), "sessions_ended": ended}
    for name in ("role", "is_active"):
        if name in changed:
            facts[name] = {"from": getattr(before, name), "to": changed[name]}
    return facts


def shown(row: dict[str, Any]) -> User:
    """Return a stored user as clients see it."""
    content = {column.name: row[column.name] for column in SHOWN}
    return User(**{**content, "created_at": moments.to_text(row["created_at"])})
