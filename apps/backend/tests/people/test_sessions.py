"""Sessions: opened by the right password alone, ended by time, by their user, by an admin."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from apps.backend import moments
from apps.backend.identifiers import new_id
from apps.backend.identity import authenticator
from apps.backend.identity.authenticator import REMEMBERED_SECONDS
from apps.backend.identity.passwords import Checked, Passwords
from apps.backend.identity.secrets import digest_of
from apps.backend.identity.tables import sessions, users
from apps.backend.people.routes import EXPIRED_SESSIONS, REFUSED_SIGN_INS
from apps.backend.people.sessions import LASTS, MOST_OF_A_USER
from apps.backend.tests.people.members import OTHER_PASSWORD, PASSWORD, ask, entries, job, make_user, rows, who, write
from apps.backend.tests.product import Organisation, Product, StandingClock, running_backend, small_settings

HOURS_12 = 12 * 3600 * moments.MICROSECONDS


class Counted(Passwords):
    """Quick hashes, and what was checked against."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.checked: list[bool] = []

    async def check(self, stored: str | None, password: str) -> Checked:
        self.checked.append(stored is not None)
        return await super().check(stored, password)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A backend whose jobs run when a test says so, and never beside it."""
    settings = small_settings(tmp_path_factory.mktemp("backend"))
    with running_backend(settings, lambda parts: parts.background.jobs.clear()) as running:
        yield running


@pytest.fixture
def organisation(product: Product) -> Organisation:
    return product.organisation(f"Bank {new_id()}")


def test_a_session_lasts_twelve_hours_and_its_token_is_stored_as_a_digest(
    product: Product, organisation: Organisation
) -> None:
    member = make_user(organisation, "approver")
    answered = member.sign_in()
    assert answered.status_code == 201
    assert sorted(answered.json()) == ["expires_at", "role", "token"]
    assert answered.json()["role"] == "approver"
    assert re.fullmatch(r"fms_[\w-]{43}", answered.json()["token"])
    (row,) = rows(product, select(sessions).where(sessions.c.user_id == member.id))
    assert row.digest == digest_of(answered.json()["token"])
    assert row.expires_at - row.created_at == HOURS_12 == LASTS.total_seconds() * moments.MICROSECONDS
    assert answered.json()["expires_at"] == moments.to_text(row.expires_at)


def test_the_organisation_is_named_in_any_case_and_email_too(organisation: Organisation) -> None:
    member = make_user(organisation)
    shouted = member.sign_in(organisation=f"  {organisation.name.upper()}", email=member.email.upper())
    assert shouted.status_code == 201


def test_a_session_that_is_over_opens_nothing(product: Product, organisation: Organisation) -> None:
    member = make_user(organisation)
    token = member.token()
    move = sessions.update().where(sessions.c.user_id == member.id)
    write(product, move.values(expires_at=moments.now() + 3600 * moments.MICROSECONDS))
    assert who(member, token) == 200
    write(product, move.values(expires_at=moments.now() - 1))
    product.parts.authenticator.forget()
    assert who(member, token) == 401


def test_a_session_is_not_remembered_beyond_its_end(
    product: Product, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    member, clock, left = make_user(organisation), StandingClock(), REMEMBERED_SECONDS / 2
    token = member.token()
    for name in ("time", "moments"):
        monkeypatch.setattr(authenticator, name, clock)
    end = clock.now() + round(left * moments.MICROSECONDS)
    write(product, sessions.update().where(sessions.c.user_id == member.id).values(expires_at=end))
    assert who(member, token) == 200
    clock.seconds += left / 2
    assert who(member, token) == 200
    clock.seconds += left
    assert who(member, token) == 401


def test_whoever_signs_out_is_out_and_other_sessions_go_on(product: Product, organisation: Organisation) -> None:
    member = make_user(organisation)
    first, second = member.token(), member.token()
    assert ask(organisation.address, first, "DELETE", "/api/v1/sessions/current").status_code == 204
    assert [who(member, token) for token in (first, second)] == [401, 200]
    assert ask(organisation.address, first, "DELETE", "/api/v1/sessions/current").status_code == 401
    assert entries(product, organisation)[-1].action == "session.ended"


def test_a_service_key_has_no_session(organisation: Organisation) -> None:
    refused = organisation.client("viewer").delete("/api/v1/sessions/current")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_session")


def test_an_admin_ends_all_sessions_of_a_user_at_once(organisation: Organisation) -> None:
    member, other = make_user(organisation), make_user(organisation)
    tokens, others = [member.token(), member.token()], other.token()
    assert [who(member, token) for token in tokens] == [200, 200]
    path = f"/api/v1/users/{member.id}/sessions"
    assert organisation.client().delete(path).json() == {"ended": 2}
    assert [who(member, token) for token in (*tokens, others)] == [401, 401, 200]
    assert organisation.client().delete(path).json() == {"ended": 0}


def test_a_user_has_so_many_sessions_and_no_more(product: Product, organisation: Organisation) -> None:
    member = make_user(organisation)
    tokens = [member.token() for _ in range(MOST_OF_A_USER + 2)]
    query = select(func.count()).where(sessions.c.user_id == member.id)
    assert rows(product, query)[0][0] == MOST_OF_A_USER
    product.parts.authenticator.forget()
    assert [who(member, token) for token in tokens[:3]] == [401, 401, 200]


def test_rows_of_sessions_that_are_over_are_removed(product: Product, organisation: Organisation) -> None:
    member, other = make_user(organisation), make_user(organisation)
    member.token()
    other.token()
    over = sessions.update().where(sessions.c.user_id == member.id).values(expires_at=moments.now() - 1)
    write(product, over)
    job(product, EXPIRED_SESSIONS)
    found = rows(product, select(sessions.c.user_id).where(sessions.c.organisation_id == organisation.id))
    assert [row.user_id for row in found] == [other.id]


def test_every_refusal_to_sign_in_is_alike_and_takes_one_check(product: Product, organisation: Organisation) -> None:
    member, gone = make_user(organisation), make_user(organisation)
    organisation.client().patch(f"/api/v1/users/{gone.id}", json={"is_active": False})
    usual, counted = product.parts.passwords, Counted()
    product.parts.passwords = counted
    try:
        refused = [
            member.sign_in("not the password of anybody"),
            member.sign_in(email="nobody@example.org"),
            member.sign_in(organisation="No such bank"),
            gone.sign_in(),
            gone.sign_in("not the password of anybody"),
        ]
    finally:
        product.parts.passwords = usual
    bodies = [{**answer.json(), "request_id": None} for answer in refused]
    assert bodies == [bodies[0]] * 5
    assert (refused[0].status_code, bodies[0]["code"]) == (401, "wrong_credentials")
    headers = [sorted(name for name in answer.headers if name != "date") for answer in refused]
    assert headers == [headers[0]] * 5
    # The hash of nobody is checked where there is nobody: as much work as with somebody.
    assert counted.checked == [True, False, False, True, True]


def test_refused_tries_of_users_are_written_down_later_and_together(
    product: Product, organisation: Organisation
) -> None:
    member = make_user(organisation)
    before = len(entries(product, organisation))
    for _ in range(3):
        assert member.sign_in("not the password of anybody").status_code == 401
    member.sign_in(email="nobody@example.org")
    job(product, REFUSED_SIGN_INS)
    job(product, REFUSED_SIGN_INS)
    found = [entry for entry in entries(product, organisation)[before:] if entry.action == "session.refused"]
    assert sum(entry.about["times"] for entry in found) == 3
    assert {(entry.actor, entry.target) for entry in found} == {("somebody", f"user:{member.id}")}


def test_an_old_hash_is_made_anew_when_its_user_signs_in(product: Product, organisation: Organisation) -> None:
    member = make_user(organisation)
    query = select(users.c.password).where(users.c.id == member.id)
    before = rows(product, query)[0].password
    usual = product.parts.passwords
    product.parts.passwords = Passwords(time_cost=2, memory_cost=16, parallelism=1)
    try:
        assert member.sign_in("not the password of anybody").status_code == 401
        assert rows(product, query)[0].password == before
        token = member.token()
        better = rows(product, query)[0].password
        assert "m=16,t=2,p=1" in better
        member.token()
        assert rows(product, query)[0].password == better
    finally:
        product.parts.passwords = usual
    assert who(member, token) == 200


def test_whoever_is_changed_while_signing_in_signs_in_again(product: Product, organisation: Organisation) -> None:
    member = make_user(organisation)

    class Interrupted(Counted):
        """An admin sets another password while this one is looked at."""

        async def check(self, stored: str | None, password: str) -> Checked:
            found = await super().check(stored, password)
            another = await self.hash(OTHER_PASSWORD)
            async with product.parts.database.writing() as connection:
                query = users.update().where(users.c.id == member.id)
                await connection.execute(query.values(password=another))
            return found

    usual = product.parts.passwords
    product.parts.passwords = Interrupted()
    try:
        refused = member.sign_in()
    finally:
        product.parts.passwords = usual
    assert (refused.status_code, refused.json()["code"]) == (409, "changed_meanwhile")
    assert rows(product, select(sessions).where(sessions.c.user_id == member.id)) == []
    assert [member.sign_in().status_code, member.sign_in(OTHER_PASSWORD).status_code] == [401, 201]


def test_password_and_token_stand_in_no_file_and_on_no_stream(
    product: Product, organisation: Organisation, capfd: pytest.CaptureFixture[str]
) -> None:
    member = make_user(organisation)
    token = member.token()
    member.sign_in(PASSWORD + "!")
    folder = Path(product.parts.settings.database.removeprefix("sqlite:///")).parent
    stored = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert member.email.encode() in stored, "else this looks into the wrong files"
    assert PASSWORD.encode() not in stored
    assert token.encode() not in stored
    assert token.removeprefix("fms_")[:10].encode() not in stored
    printed = "".join(capfd.readouterr())
    assert PASSWORD not in printed
    assert token not in printed
