"""Service keys: made, listed, rotated and revoked by admins of their organisation."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Row, Select, and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.appending import append
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Caller, Role
from apps.backend.identity.secrets import KEY_PREFIX, digest_of, new_secret
from apps.backend.identity.tables import service_keys
from apps.backend.people.texts import Moment, Name
from apps.backend.problems import Misfit, ProblemError, not_found
from apps.backend.storage.pages import Page, rows_of_page

MOST_OVERLAP = timedelta(days=7)
USUAL_OVERLAP = timedelta(days=1)
LONGEST_LIFE = timedelta(days=3653)
State = Literal["active", "expired", "revoked"]
SHOWN = tuple(column for column in service_keys.c if column.name not in ("digest", "old_digest"))

ExpiresAt = Field(default=None, description="When it ends: in the future, within ten years. Null: never.")


class NewServiceKey(BaseModel):
    """A key for a program."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    role: Role
    expires_at: moments.Moment | None = ExpiresAt


class Rotation(BaseModel):
    """How a key gets its new secret. `expires_at`: of the new secret; left out, the key ends when it would have."""

    model_config = ConfigDict(extra="forbid")

    overlap_seconds: int = Field(
        default=USUAL_OVERLAP // timedelta(seconds=1),
        ge=0,
        le=MOST_OVERLAP // timedelta(seconds=1),
        description="For how long the old secret opens as well, at most seven days.",
    )
    expires_at: moments.Moment | None = ExpiresAt


class ServiceKey(BaseModel):
    """A key without its secret. `old_until`: until when the secret before the last rotation opens as well."""

    id: str
    name: str
    role: Role
    state: State
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None
    old_until: Moment | None


class ShownServiceKey(ServiceKey):
    """A key with its secret, which is shown this once."""

    secret: str


async def create_key(connection: AsyncConnection, by: Caller, new: NewServiceKey) -> ShownServiceKey:
    """Make a key of the caller's organisation.

    Raises
    ------
    ProblemError
        409 `name_taken` by another key, which may be over; 422 `misfit` it ends in the past or too late.
    """
    secret, now = new_secret(KEY_PREFIX), moments.now()
    row: dict[str, Any] = {
        "id": new_id(),
        "organisation_id": by.organisation,
        "name": new.name,
        "role": new.role,
        "digest": digest_of(secret),
        "created_at": now,
        "expires_at": _end(new.expires_at, now),
        "revoked_at": None,
        "old_until": None,
    }
    try:
        await connection.execute(service_keys.insert(), row)
    except IntegrityError as error:
        detail = "A service key of your organisation has this name, or had it. Choose another: names tell keys apart."
        raise ProblemError(HTTPStatus.CONFLICT, "name_taken", detail) from error
    facts = {"role": new.role, "expires_at": _text(row["expires_at"])}
    await append(connection, by, "service_key.created", f"key:{row['id']}", facts)
    return ShownServiceKey(**_content(row, now), secret=secret)


async def list_keys(
    connection: AsyncConnection, by: Caller, limit: int, cursor: str | None, role: Role | None, state: State | None
) -> Page[ServiceKey]:
    """Return one page of the organisation's keys, the newest first; None as a filter lets all through."""
    now = moments.now()
    query: Select[Any] = select(*SHOWN).where(service_keys.c.organisation_id == by.organisation)
    if role is not None:
        query = query.where(service_keys.c.role == role)
    if state is not None:
        query = query.where(_is_in(state, now))
    rows, following = await rows_of_page(connection, query, service_keys.c.id, limit, cursor)
    return Page(items=[ServiceKey(**_content(row, now)) for row in rows], next_cursor=following)


async def revoke_key(connection: AsyncConnection, by: Caller, key: str) -> ServiceKey:
    """End a key with all its secrets; one that was revoked before stays as it is.

    Raises
    ------
    ProblemError
        404 there is none of this id.
    """
    row, now = await _locked(connection, by, key), moments.now()
    if row.revoked_at is None:
        values = {"revoked_at": now, "old_digest": None, "old_until": None}
        await connection.execute(service_keys.update().where(service_keys.c.id == key).values(values))
        await append(connection, by, "service_key.revoked", f"key:{key}")
    else:
        values = {}
    return ServiceKey(**_content({**row._asdict(), **values}, now))


async def rotate_key(connection: AsyncConnection, by: Caller, key: str, rotation: Rotation) -> ShownServiceKey:
    """Give a key a new secret; the old one opens until the overlap is over or it ends by itself.

    At most two secrets of a key open: the one that a rotation before replaced ends now.

    Raises
    ------
    ProblemError
        404 there is none of this id; 409 `key_ended` it is revoked, or expired and gets no new end; 422 `misfit` it
        ends in the past or too late.
    """
    secret, now = new_secret(KEY_PREFIX), moments.now()
    row = await _locked(connection, by, key)
    expires_at = _end(rotation.expires_at, now) if "expires_at" in rotation.model_fields_set else row.expires_at
    if row.revoked_at is not None or (expires_at is not None and expires_at <= now):
        detail = "This service key is revoked or expired. Make a new one, or name another end for an expired one."
        raise ProblemError(HTTPStatus.CONFLICT, "key_ended", detail)
    values = {"digest": digest_of(secret), "expires_at": expires_at, **_overlap(row, rotation, now)}
    await connection.execute(service_keys.update().where(service_keys.c.id == key).values(values))
    facts = {"expires_at": _text(expires_at), "old_until": _text(values["old_until"])}
    await append(connection, by, "service_key.rotated", f"key:{key}", facts)
    return ShownServiceKey(**_content({**row._asdict(), **values}, now), secret=secret)


def _overlap(row: Row[Any], rotation: Rotation, now: int) -> dict[str, Any]:
    """The old secret never opens for longer than it would have without the rotation."""
    until = now + rotation.overlap_seconds * moments.MICROSECONDS
    if row.expires_at is not None:
        until = min(until, row.expires_at)
    return {"old_digest": row.digest, "old_until": until} if until > now else {"old_digest": None, "old_until": None}


def _end(expires_at: datetime | None, now: int) -> int | None:
    if expires_at is None:
        return None
    end = moments.from_datetime(expires_at)
    if not now < end <= now + LONGEST_LIFE // timedelta(microseconds=1):
        problem = Misfit(location="body.expires_at", problem="it is not ahead", expected="within the next ten years")
        detail = "The key would end in the past or after more than ten years. Mend expires_at."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", detail, [problem])
    return end


async def _locked(connection: AsyncConnection, by: Caller, key: str) -> Row[Any]:
    query = select(service_keys).where(service_keys.c.organisation_id == by.organisation, service_keys.c.id == key)
    found = (await connection.execute(query.with_for_update())).one_or_none()
    if found is None:
        raise not_found("service key")
    return found


def _is_in(state: State, now: int) -> ColumnElement[bool]:
    is_over = and_(service_keys.c.expires_at.is_not(None), service_keys.c.expires_at <= now)
    if state == "revoked":
        return service_keys.c.revoked_at.is_not(None)
    not_over = or_(service_keys.c.expires_at.is_(None), service_keys.c.expires_at > now)
    return and_(service_keys.c.revoked_at.is_(None), is_over if state == "expired" else not_over)


def _state(row: dict[str, Any], now: int) -> State:
    if row["revoked_at"] is not None:
        return "revoked"
    return "expired" if row["expires_at"] is not None and row["expires_at"] <= now else "active"


def _content(row: dict[str, Any], now: int) -> dict[str, Any]:
    old_until = row["old_until"]
    return {
        "id": row["id"],
        "name": row["name"],
        "role": row["role"],
        "state": _state(row, now),
        "created_at": moments.to_text(row["created_at"]),
        "expires_at": _text(row["expires_at"]),
        "revoked_at": _text(row["revoked_at"]),
        "old_until": _text(old_until) if old_until is not None and old_until > now else None,
    }


def _text(moment: int | None) -> str | None:
    return None if moment is None else moments.to_text(moment)
