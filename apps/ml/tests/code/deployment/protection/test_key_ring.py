"""The ring: what it holds, how soon it learns, and what it does while the database is away."""

import pytest
from sqlalchemy import Engine, text

from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.protection.key_ring import KeyRing, RingSettings
from apps.ml.deployment.protection.key_store import revoke_key, rotate_key
from apps.ml.deployment.protection.turned_away import TurnedAwayError
from apps.ml.prediction_log.database import sqlite_file, writing
from apps.ml.tests.protected_server import Clock, MakeKey, bearer, ring_of, until


def test_a_key_is_found_with_its_scopes_until_it_expires(sqlite: Engine, clock: Clock, make_key: MakeKey) -> None:
    presented = make_key("backend", "predict", "outcomes", lifetime=60).text.encode()
    ring = ring_of(sqlite, clock)
    found = ring.find(presented)
    assert found is not None
    assert (found.name, found.scopes) == ("backend", frozenset(("predict", "outcomes")))
    clock.elapsed += 60  # without another look at the database
    assert ring.find(presented) is None


def test_both_secrets_open_during_the_overlap_and_share_one_rate(
    sqlite: Engine, clock: Clock, make_key: MakeKey
) -> None:
    old = make_key(per_minute=2).text.encode()
    with writing(sqlite) as connection:
        new = rotate_key(connection, "backend", 60, None, clock.moment).text.encode()
    ring = ring_of(sqlite, clock)
    first, second = ring.find(old), ring.find(new)
    assert first is not None
    assert second is not None
    assert first.bucket is not None
    assert first.bucket is second.bucket
    clock.elapsed += 60
    assert ring.find(old) is None
    assert ring.find(new) is not None


def test_a_revoked_key_is_gone_after_the_next_reading(sqlite: Engine, clock: Clock, make_key: MakeKey) -> None:
    presented = make_key().text.encode()
    ring = ring_of(sqlite, clock)
    with writing(sqlite) as connection:
        revoke_key(connection, "backend", clock.moment)
    ring.refresh()
    assert ring.find(presented) is None


def test_reading_again_does_not_fill_a_bucket(sqlite: Engine, clock: Clock, make_key: MakeKey) -> None:
    presented = make_key(per_minute=1).text.encode()
    ring = ring_of(sqlite, clock)
    waits = []
    for _ in range(2):
        found = ring.find(presented)
        assert found is not None
        assert found.bucket is not None
        waits.append(found.bucket.take())
        ring.refresh()
    assert waits == [0.0, pytest.approx(60, abs=0.001)]


def test_a_changed_rate_makes_another_bucket(sqlite: Engine, clock: Clock, make_key: MakeKey) -> None:
    presented = make_key(per_minute=1).text.encode()
    ring = ring_of(sqlite, clock)
    with writing(sqlite) as connection:
        connection.execute(text("UPDATE api_keys SET per_minute = 7"))
    ring.refresh()
    found = ring.find(presented)
    assert found is not None
    assert found.bucket is not None
    assert found.bucket.per_minute == 7


def test_the_rate_is_divided_among_processes_and_the_usual_one_is_for_keys_without(
    sqlite: Engine, clock: Clock, make_key: MakeKey
) -> None:
    own, usual = make_key("own", per_minute=60).text.encode(), make_key("usual").text.encode()
    ring = ring_of(sqlite, clock, per_minute=30, processes=4)
    rates = [found.bucket.per_minute for found in (ring.find(own), ring.find(usual)) if found and found.bucket]
    assert rates == [15.0, 7.5]
    unlimited = ring_of(sqlite, clock).find(usual)
    assert unlimited is not None
    assert unlimited.bucket is None


def test_while_the_database_is_away_known_keys_open_up_to_a_bound(
    sqlite: Engine, clock: Clock, make_key: MakeKey, server_lines: pytest.LogCaptureFixture
) -> None:
    key = make_key()
    ring = ring_of(sqlite, clock, stale_seconds=600)
    door = Door(DoorSettings(), ring)
    file = sqlite_file(sqlite)
    assert file is not None
    away = file.with_name("away")
    file.rename(away)
    clock.elapsed += 599
    ring.refresh()
    ring.refresh()
    assert server_lines.text.count("API keys could not be read") == 1
    assert str(file) not in server_lines.text
    assert door.trouble() is None
    door.admit(dict(bearer(key.text)), "predict")
    clock.elapsed += 1
    assert "could not be read" in (door.trouble() or "")
    with pytest.raises(TurnedAwayError, match="cannot tell which API keys are valid") as caught:
        door.admit(dict(bearer(key.text)), "predict")
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "5"})
    away.rename(file)
    ring.refresh()
    assert door.trouble() is None
    door.admit(dict(bearer(key.text)), "predict")


def test_a_ring_that_never_read_its_keys_is_in_trouble(sqlite: Engine, clock: Clock) -> None:
    with writing(sqlite) as connection:
        connection.execute(text("DROP TABLE api_keys"))
    ring = ring_of(sqlite, clock)
    assert not ring.known
    assert ring.trouble() is not None


def test_a_started_ring_learns_of_new_keys_by_itself(sqlite: Engine, make_key: MakeKey) -> None:
    ring = KeyRing(sqlite, RingSettings(0.01, 60))
    ring.start()
    try:
        presented = make_key().text.encode()
        until(lambda: ring.find(presented) is not None)
    finally:
        ring.close()
