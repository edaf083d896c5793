"""Keys in the database: made once, hashed at rest, rotated with an overlap, revoked for ever."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from apps.ml.deployment.protection.key_store import (
    NewKey,
    Wanted,
    create_key,
    revoke_key,
    rotate_key,
    stored_keys,
    valid_keys,
)
from apps.ml.deployment.protection.key_text import SCOPES, key_digest
from apps.ml.errors import BadInputError
from apps.ml.prediction_log.database import sqlite_file, writing
from apps.ml.tests.protected_server import Clock, MakeKey

HOUR, DAY = 3600, 86400


def created(engine: Engine, clock: Clock, name: str = "backend", lifetime: int | None = None) -> NewKey:
    with writing(engine) as connection:
        return create_key(connection, Wanted(name, ("explain", "predict"), lifetime, 60), clock.moment)


def rotated(engine: Engine, clock: Clock, overlap: int, lifetime: int | None = None) -> NewKey:
    with writing(engine) as connection:
        return rotate_key(connection, "backend", overlap, lifetime, clock.moment)


def valid_ids(engine: Engine, clock: Clock) -> list[str]:
    with engine.connect() as connection:
        return [key.id for key in valid_keys(connection, clock.moment)]


def test_a_key_is_stored_as_it_was_wanted_and_found_by_the_digest_of_its_text(engine: Engine, clock: Clock) -> None:
    new = created(engine, clock, lifetime=90 * DAY)
    with engine.connect() as connection:
        (stored,) = stored_keys(connection)
    assert stored == new.stored
    assert (stored.name, stored.scopes, stored.per_minute) == ("backend", ("predict", "explain"), 60)
    assert stored.expires_at == clock.moment + 90 * DAY * 1_000_000
    assert stored.digest == key_digest(new.text.encode()).hex()
    assert new.text.startswith(f"fm_{stored.id}_")
    assert len(new.text.split("_", 2)[2]) == 43  # 32 bytes in base64url


def test_a_key_may_have_every_scope(engine: Engine, clock: Clock) -> None:
    with writing(engine) as connection:
        create_key(connection, Wanted("everything", SCOPES[::-1]), clock.moment)
    with engine.connect() as connection:
        (stored,) = stored_keys(connection)
    assert stored.scopes == SCOPES == ("predict", "explain", "outcomes", "admin", "evidence", "promote", "audit")


def test_no_byte_of_a_secret_is_in_the_database(sqlite: Engine, clock: Clock, make_key: MakeKey) -> None:
    texts = [make_key().text, rotated(sqlite, clock, HOUR).text]
    file = sqlite_file(sqlite)
    assert file is not None
    content = b"".join(path.read_bytes() for path in Path(file.parent).iterdir())
    assert b"backend" in content
    for text in texts:
        secret = text.split("_", 2)[2].encode()
        assert not any(secret[start : start + 8] in content for start in range(len(secret) - 7))


def test_a_secret_is_in_no_representation_of_a_key(make_key: MakeKey) -> None:
    new = make_key()
    assert new.text not in repr(new)
    assert new.stored.digest not in repr(new)


def test_an_expired_key_is_not_valid(engine: Engine, clock: Clock) -> None:
    new = created(engine, clock, lifetime=HOUR)
    clock.elapsed += HOUR - 1
    assert valid_ids(engine, clock) == [new.stored.id]
    clock.elapsed += 1
    assert valid_ids(engine, clock) == []
    assert new.stored.state(clock.moment) == "expired"


def test_rotation_keeps_the_old_secret_for_the_overlap(engine: Engine, clock: Clock) -> None:
    old, new = created(engine, clock), rotated(engine, clock, DAY)
    assert (new.stored.scopes, new.stored.per_minute) == (old.stored.scopes, old.stored.per_minute)
    clock.elapsed += DAY - 1
    assert valid_ids(engine, clock) == [old.stored.id, new.stored.id]
    clock.elapsed += 1
    assert valid_ids(engine, clock) == [new.stored.id]


def test_a_second_rotation_does_not_prolong_the_first_secret(engine: Engine, clock: Clock) -> None:
    first, second = created(engine, clock), rotated(engine, clock, HOUR)
    third = rotated(engine, clock, DAY)
    assert valid_ids(engine, clock) == [first.stored.id, second.stored.id, third.stored.id]
    clock.elapsed += HOUR
    assert valid_ids(engine, clock) == [second.stored.id, third.stored.id]


def test_rotation_gives_the_same_lifetime_again_or_another(engine: Engine, clock: Clock) -> None:
    created(engine, clock, lifetime=30 * DAY)
    clock.elapsed += 40 * DAY
    again = rotated(engine, clock, 0)
    assert again.stored.expires_at == clock.moment + 30 * DAY * 1_000_000
    clock.elapsed += 1
    other = rotated(engine, clock, 0, lifetime=HOUR)
    assert other.stored.expires_at == clock.moment + HOUR * 1_000_000
    assert valid_ids(engine, clock) == [other.stored.id]


def test_revoking_ends_every_secret_or_only_the_old_ones(engine: Engine, clock: Clock) -> None:
    created(engine, clock)
    new = rotated(engine, clock, DAY)
    with writing(engine) as connection:
        revoke_key(connection, "backend", clock.moment, only_old=True)
    assert valid_ids(engine, clock) == [new.stored.id]
    with writing(engine) as connection:
        states = [key.state(clock.moment) for key in revoke_key(connection, "backend", clock.moment)]
    assert states == ["revoked", "revoked"]
    assert valid_ids(engine, clock) == []


def test_a_revoked_name_is_neither_rotated_nor_used_again(engine: Engine, clock: Clock) -> None:
    created(engine, clock)
    with writing(engine) as connection:
        revoke_key(connection, "backend", clock.moment)
    with pytest.raises(BadInputError, match="revoked, which is for ever"):
        rotated(engine, clock, 0)
    with pytest.raises(BadInputError, match="The name 'backend' is taken"):
        created(engine, clock)


def test_an_unknown_name_is_refused_with_the_nearest(engine: Engine, clock: Clock) -> None:
    created(engine, clock)
    with writing(engine) as connection:
        with pytest.raises(BadInputError, match="no key 'backedn'; did you mean 'backend'"):
            revoke_key(connection, "backedn", clock.moment)
        with pytest.raises(BadInputError, match="no key 'backedn'; did you mean 'backend'"):
            rotate_key(connection, "backedn", 0, None, clock.moment)


@pytest.mark.parametrize("name", ["", "-x", "a b", "a" * 65, "ü", "a\n", "../a"])
def test_an_unfit_name_is_refused(sqlite: Engine, clock: Clock, name: str) -> None:
    with pytest.raises(BadInputError, match="The name is unfit"):
        created(sqlite, clock, name)


def test_a_key_needs_known_scopes(sqlite: Engine) -> None:
    with writing(sqlite) as connection:
        with pytest.raises(BadInputError, match="has no scope"):
            create_key(connection, Wanted("a", ()), 1)
        with pytest.raises(BadInputError, match="'predcit' is no scope; did you mean 'predict'"):
            create_key(connection, Wanted("a", ("predcit",)), 1)
