"""The door: in which order requests are turned away, with which status, and who is counted as inside."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from apps.ml.deployment.protection.door import Door, open_door
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.protection.turned_away import TurnedAwayError
from apps.ml.deployment.requests.caller import OPEN
from apps.ml.tests.protected_server import Clock, Headers, MakeDoor, MakeKey, bearer

REALM = 'Bearer realm="fairmind"'


def refusal_of(door: Door, headers: Headers, scope: str = "predict") -> TurnedAwayError:
    with pytest.raises(TurnedAwayError, match=r"\.$") as caught:
        door.admit(dict(headers), scope, "192.0.2.7")
    return caught.value


def test_a_valid_key_is_let_in_by_either_header(make_key: MakeKey, make_door: MakeDoor) -> None:
    text = make_key("backend", "predict", "explain").text.encode()
    door = make_door()
    basic = (b"authorization", b"Basic eDp5")
    for headers in (
        [(b"authorization", b"Bearer " + text)],
        [(b"authorization", b"bearer  " + text)],
        [basic, (b"x-api-key", text)],
    ):
        caller = door.admit(dict(headers), "explain")
        assert (caller.key, caller.scopes) == ("backend", frozenset(("predict", "explain")))


def test_without_a_key_the_answer_is_401_with_a_challenge(make_door: MakeDoor) -> None:
    for headers in ([], [(b"authorization", b"Basic eDp5")], [(b"authorization", b"")]):
        error = refusal_of(make_door(), headers)
        assert (error.status, error.code, error.headers) == (401, "key_missing", {"WWW-Authenticate": REALM})


@pytest.mark.parametrize("text", ["", "fm_", "fm_0123456789_" + "A" * 43, "x" * 100_000, "schlüssel"])
def test_a_wrong_key_is_401(make_key: MakeKey, make_door: MakeDoor, text: str) -> None:
    make_key()
    error = refusal_of(make_door(), [(b"x-api-key", text.encode())])
    assert (error.status, error.code, error.key) == (401, "key_invalid", None)
    assert error.headers == {"WWW-Authenticate": f'{REALM}, error="invalid_token"'}


def test_a_key_that_differs_in_its_last_character_is_wrong(make_key: MakeKey, make_door: MakeDoor) -> None:
    text = make_key().text
    other = text[:-1] + ("A" if text[-1] != "A" else "B")
    error = refusal_of(make_door(), bearer(other))
    assert error.status == 401
    assert other not in str(error)


def test_a_missing_scope_is_403_and_named_and_admin_opens_nothing_else(make_key: MakeKey, make_door: MakeDoor) -> None:
    text = make_key("operator", "admin").text
    error = refusal_of(make_door(), bearer(text), "predict")
    assert (error.status, error.code, error.key) == (403, "scope_missing", "operator")
    assert "`predict`" in str(error)
    assert error.headers == {"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="predict"'}


def test_a_key_over_its_rate_is_429_until_a_token_is_there(
    make_key: MakeKey, make_door: MakeDoor, clock: Clock
) -> None:
    headers = bearer(make_key(per_minute=2).text)
    door = make_door()
    door.admit(dict(headers), "predict")
    door.admit(dict(headers), "predict")
    clock.elapsed += 0.5
    error = refusal_of(door, headers)
    assert (error.status, error.code, error.key) == (429, "rate_exceeded", "backend")
    assert error.headers == {"Retry-After": "30"}  # 29.5 seconds, rounded up
    clock.elapsed += 29.5
    door.admit(dict(headers), "predict")


def test_a_request_that_lacks_the_scope_costs_no_token(make_key: MakeKey, make_door: MakeDoor) -> None:
    headers = bearer(make_key(per_minute=1).text)
    door = make_door()
    assert refusal_of(door, headers, "explain").status == 403
    door.admit(dict(headers), "predict")


def test_a_full_server_answers_503_before_it_looks_at_the_key(make_key: MakeKey, make_door: MakeDoor) -> None:
    headers = bearer(make_key().text)
    door = make_door(in_flight=2)
    door.admit(dict(headers), "predict")
    door.admit(dict(headers), "predict")
    error = refusal_of(door, [])
    assert (error.status, error.code, error.headers) == (503, "busy", {"Retry-After": "1"})
    door.leave()
    door.admit(dict(headers), "predict")
    assert door.in_flight == 2


def test_a_draining_server_sends_callers_elsewhere_and_counts_down(make_key: MakeKey, make_door: MakeDoor) -> None:
    headers = bearer(make_key().text)
    door = make_door(in_flight=1)
    door.admit(dict(headers), "predict")
    door.drain()
    error = refusal_of(door, headers)
    assert (error.status, error.code) == (503, "draining")
    assert error.headers == {"Retry-After": "5", "Connection": "close"}
    assert (door.draining, door.in_flight) == (True, 1)
    door.leave()
    assert door.in_flight == 0


def test_whoever_is_refused_is_not_inside(make_key: MakeKey, make_door: MakeDoor) -> None:
    headers = bearer(make_key(per_minute=1).text)
    door = make_door(in_flight=1)
    for refused, scope in (([], "predict"), (bearer("fm_wrong"), "predict"), (headers, "admin")):
        refusal_of(door, refused, scope)
    door.admit(dict(headers), "predict")
    door.leave()
    assert refusal_of(door, headers).status == 429
    assert door.in_flight == 0


def test_without_keys_everybody_may_do_everything_even_with_a_key_shown(make_door: MakeDoor) -> None:
    caller = make_door(keys_required=False).admit(dict(bearer("fm_wrong")), "admin")
    assert (caller.key, caller.scopes) == (None, OPEN)


def test_wrong_keys_are_limited_by_address_and_hinder_no_right_one(make_key: MakeKey, make_door: MakeDoor) -> None:
    key = make_key()
    door = make_door(wrong_keys_per_minute=2)
    answers = [refusal_of(door, bearer("fm_wrong")) for _ in range(3)]
    assert [error.status for error in answers] == [401, 401, 429]
    assert (answers[-1].code, answers[-1].headers) == ("wrong_keys", {"Retry-After": "30"})
    assert door.admit(dict(bearer(key.text)), "predict", "192.0.2.7").key == "backend"
    with pytest.raises(TurnedAwayError, match="not valid"):
        door.admit(dict(bearer("fm_wrong")), "predict", "192.0.2.8")


def test_a_missing_key_is_no_wrong_key(make_door: MakeDoor) -> None:
    door = make_door(wrong_keys_per_minute=1)
    assert [refusal_of(door, []).status for _ in range(3)] == [401, 401, 401]


def test_a_burst_from_20_threads_never_exceeds_the_bucket_nor_the_room(make_key: MakeKey, make_door: MakeDoor) -> None:
    headers = bearer(make_key(per_minute=50).text)
    door = make_door(in_flight=40)

    def try_often(_: int) -> list[str]:
        outcomes = []
        for _ in range(25):
            try:
                door.admit(dict(headers), "predict")
            except TurnedAwayError as error:
                outcomes.append(error.code)
            else:
                outcomes.append("in")
        return outcomes

    with ThreadPoolExecutor(20) as pool:
        outcomes = [outcome for found in pool.map(try_often, range(20)) for outcome in found]
    assert outcomes.count("in") == door.in_flight == 40
    for _ in range(40):
        door.leave()
    with ThreadPoolExecutor(20) as pool:
        outcomes = [outcome for found in pool.map(try_often, range(20)) for outcome in found]
    assert outcomes.count("in") == door.in_flight == 10
    assert set(outcomes) == {"in", "rate_exceeded"}


def test_the_request_keeps_its_harmless_id(make_door: MakeDoor) -> None:
    door = make_door(keys_required=False)
    assert door.admit({b"x-request-id": b"a-1.B_2:3"}, "predict").request == "a-1.B_2:3"
    error = refusal_of(make_door(), [(b"x-request-id", b"a-1")])
    assert error.request == "a-1"


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 65, b"a\n", b"<script>", "ü".encode(), b"a;b"])
def test_an_id_that_could_do_harm_is_replaced(make_door: MakeDoor, given: bytes) -> None:
    door = make_door(keys_required=False)
    made = {door.admit({b"x-request-id": given}, "predict").request or "" for _ in range(2)}
    assert len(made) == 2
    assert all(len(text) == 32 and int(text, 16) >= 0 for text in made)


def test_a_door_opened_over_a_database_reads_it_and_closes(sqlite: Engine, make_key: MakeKey) -> None:
    key = make_key()
    door = open_door(DoorSettings(), sqlite)
    try:
        assert door.admit(dict(bearer(key.text)), "predict").key == "backend"
        assert door.trouble() is None
    finally:
        door.close()
    assert open_door(DoorSettings(keys_required=False), None).trouble() is None


def test_a_door_that_requires_keys_needs_them() -> None:
    with pytest.raises(ValueError, match="needs a ring"):
        Door(DoorSettings())
    with pytest.raises(ValueError, match="needs a database"):
        open_door(DoorSettings(), None)
