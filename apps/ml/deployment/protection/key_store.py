"""The keys in the database: made, listed, rotated and revoked, on a connection whose transaction the caller owns.

A name is used once and for ever: the prediction log names keys, and a name must not mean two holders. A name that goes
on with another secret is rotated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, insert, or_, select, update

from apps.ml.deployment.protection.key_text import NAME, SCOPES, key_digest, new_id, new_text
from apps.ml.deployment.protection.tables import API_KEYS
from apps.ml.errors import BadInputError
from apps.ml.validation_errors import nearest_name

MICROSECONDS = 1_000_000
State = Literal["valid", "expired", "revoked"]


@dataclass(frozen=True)
class StoredKey:
    """What is known of one secret. Moments are microseconds since 1970; None: never, or no rate of its own."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    per_minute: int | None = None
    digest: str = field(default="", repr=False)

    def state(self, now: int) -> State:
        """Return what the key is worth at a moment."""
        if self.revoked_at is not None and self.revoked_at <= now:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"


@dataclass(frozen=True)
class NewKey:
    """A key whose text is known only now."""

    stored: StoredKey
    text: str = field(repr=False)


@dataclass(frozen=True)
class Wanted:
    """A key to be made. `lifetime_seconds`: None for a key that does not expire."""

    name: str
    scopes: Sequence[str]
    lifetime_seconds: int | None = None
    per_minute: int | None = None


def create_key(connection: Connection, wanted: Wanted, now: int) -> NewKey:
    """Make a key and return it with its text, which is stored nowhere.

    Raises
    ------
    BadInputError
        The name is unfit or was used before, or a scope is unknown.
    """
    _require_fit(wanted)
    if stored_keys(connection, wanted.name):
        raise BadInputError(
            f"The name '{wanted.name}' is taken; names of revoked keys are not used again. Choose another name, or "
            f"replace the secret by `fairmind keys rotate {wanted.name}`."
        )
    lifetime = wanted.lifetime_seconds
    expires_at = None if lifetime is None else now + lifetime * MICROSECONDS
    scopes = tuple(scope for scope in SCOPES if scope in wanted.scopes)
    return _inserted(connection, StoredKey("", wanted.name, scopes, now, expires_at, None, wanted.per_minute))


def rotate_key(
    connection: Connection, name: str, overlap_seconds: int, lifetime_seconds: int | None, now: int
) -> NewKey:
    """Give a name a new secret; the old ones stay valid for `overlap_seconds` at most.

    `lifetime_seconds`: of the new secret; None: as long as the last one was given.

    Raises
    ------
    BadInputError
        There is no such name, or it was revoked.
    """
    latest = _latest(connection, name)
    if latest.revoked_at is not None:
        raise BadInputError(f"The key '{name}' was revoked, which is for ever. Create one with another name.")
    lifetime = None if latest.expires_at is None else latest.expires_at - latest.created_at
    if lifetime_seconds is not None:
        lifetime = lifetime_seconds * MICROSECONDS
    _end(connection, name, now + overlap_seconds * MICROSECONDS)
    # Later than the last secret even where the clock stands still: the newest row of a name is the one that counts.
    created_at = max(now, latest.created_at + 1)
    expires_at = None if lifetime is None else created_at + lifetime
    return _inserted(connection, replace(latest, created_at=created_at, expires_at=expires_at))


def revoke_key(connection: Connection, name: str, now: int, only_old: bool = False) -> list[StoredKey]:
    """End the secrets of a name at once, or all but its newest, and return all of them.

    Raises
    ------
    BadInputError
        There is no such name.
    """
    latest = _latest(connection, name)
    chosen = (API_KEYS.c.name == name) & API_KEYS.c.revoked_at.is_(None)
    if only_old:
        chosen &= API_KEYS.c.id != latest.id
    connection.execute(update(API_KEYS).where(chosen).values(revoked_at=now))
    return stored_keys(connection, name)


def stored_keys(connection: Connection, name: str | None = None) -> list[StoredKey]:
    """Return every secret's row, or those of one name, the oldest first."""
    query = select(API_KEYS).order_by(API_KEYS.c.created_at, API_KEYS.c.id)
    return _read(connection, query if name is None else query.where(API_KEYS.c.name == name))


def valid_keys(connection: Connection, now: int) -> list[StoredKey]:
    """Return the keys that are valid at a moment."""
    valid = API_KEYS.c.revoked_at.is_(None) & _not_over(now)
    return _read(connection, select(API_KEYS).where(valid).order_by(API_KEYS.c.created_at, API_KEYS.c.id))


def _not_over(now: int) -> ColumnElement[bool]:
    return or_(API_KEYS.c.expires_at.is_(None), API_KEYS.c.expires_at > now)


def _latest(connection: Connection, name: str) -> StoredKey:
    found = stored_keys(connection, name)
    if not found:
        known = sorted({key.name for key in stored_keys(connection)})
        raise BadInputError(
            f"There is no key '{name}'{nearest_name(name, known)}. `fairmind keys list` lists the names."
        )
    return found[-1]


def _end(connection: Connection, name: str, moment: int) -> None:
    """Let every secret of a name expire at a moment, unless it does so before."""
    chosen = (API_KEYS.c.name == name) & _not_over(moment)
    connection.execute(update(API_KEYS).where(chosen).values(expires_at=moment))


def _inserted(connection: Connection, key: StoredKey) -> NewKey:
    key_id = new_id()
    text = new_text(key_id)
    stored = replace(key, id=key_id, digest=key_digest(text.encode("ascii")).hex())
    connection.execute(insert(API_KEYS).values({**stored.__dict__, "scopes": ",".join(stored.scopes)}))
    return NewKey(stored, text)


def _read(connection: Connection, query: Any) -> list[StoredKey]:
    return [_stored(row) for row in connection.execute(query)]


def _stored(row: Row[Any]) -> StoredKey:
    content = dict(row._mapping)
    return StoredKey(**{**content, "scopes": tuple(content["scopes"].split(","))})


def _require_fit(wanted: Wanted) -> None:
    if NAME.fullmatch(wanted.name) is None:
        raise BadInputError(
            "The name is unfit. Write 1 to 64 letters, digits, dots, underscores or hyphens, a letter or digit first."
        )
    if not wanted.scopes:
        raise BadInputError(f"The key has no scope. Give it one or several of {', '.join(SCOPES)} by --scope.")
    for scope in wanted.scopes:
        if scope not in SCOPES:
            raise BadInputError(
                f"'{scope}' is no scope{nearest_name(scope, list(SCOPES))}. Scopes are {', '.join(SCOPES)}."
            )
