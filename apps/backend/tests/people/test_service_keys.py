"""Service keys: made, rotated with an overlap, revoked; their secrets shown once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from apps.backend import moments
from apps.backend.identifiers import new_id
from apps.backend.identity import authenticator
from apps.backend.identity.authenticator import REMEMBERED_SECONDS, Authenticator
from apps.backend.identity.secrets import digest_of
from apps.backend.identity.tables import service_keys
from apps.backend.problems import ProblemError
from apps.backend.tests.people.members import ask, entries, rows, write
from apps.backend.tests.product import Organisation, Product, StandingClock

SECOND = moments.MICROSECONDS
OVERLAP_SECONDS = 3600
"""More than any test takes."""


@pytest.fixture
def organisation(product: Product) -> Organisation:
    return product.organisation(f"Bank {new_id()}")


def make(organisation: Organisation, **more: Any) -> dict[str, Any]:
    body = {"name": new_id(), "role": "analyst", **more}
    answered = organisation.client().post("/api/v1/service-keys", json=body)
    assert answered.status_code == 201, answered.text
    return dict(answered.json())


def post(organisation: Organisation, key: dict[str, Any], verb: str, body: Any = None) -> Any:
    return organisation.client().post(f"/api/v1/service-keys/{key['id']}/{verb}", json=body)


def opens(organisation: Organisation, *secrets: str) -> list[int]:
    return [ask(organisation.address, secret, "GET", "/api/v1/me").status_code for secret in secrets]


def ahead(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def test_a_key_is_shown_with_its_secret_once_and_opens_its_role(product: Product, organisation: Organisation) -> None:
    made = make(organisation, name="scoring", expires_at=ahead(days=90))
    secret = made.pop("secret")
    me = ask(organisation.address, secret, "GET", "/api/v1/me").json()
    assert (me["actor"], me["name"], me["role"]) == (f"key:{made['id']}", "scoring", "analyst")
    assert (made["state"], made["revoked_at"], made["old_until"]) == ("active", None, None)
    listed = organisation.client().get("/api/v1/service-keys")
    assert made in listed.json()["items"]
    assert secret not in listed.text
    (row,) = rows(product, select(service_keys).where(service_keys.c.id == made["id"]))
    assert row.digest == digest_of(secret)
    folder = Path(product.parts.settings.database.removeprefix("sqlite:///")).parent
    assert secret.encode() not in b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_name_is_used_once_even_after_the_end(organisation: Organisation) -> None:
    made = make(organisation, name="scoring")
    post(organisation, made, "revoke")
    refused = organisation.client().post("/api/v1/service-keys", json={"name": "scoring", "role": "viewer"})
    assert (refused.status_code, refused.json()["code"]) == (409, "name_taken")


@pytest.mark.parametrize(
    "end",
    [
        ahead(seconds=-1),
        ahead(days=3700),
        "2026-01-01T00:00:00",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+14:00",
        "soon",
    ],
    ids=["past", "too far", "without a zone", "the last year", "the first year", "a word"],
)
def test_an_end_lies_ahead_and_within_ten_years(organisation: Organisation, end: str) -> None:
    body = {"name": new_id(), "role": "viewer", "expires_at": end}
    refused = organisation.client().post("/api/v1/service-keys", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["location"] == "body.expires_at"
    assert post(organisation, make(organisation), "rotate", {"expires_at": end}).status_code == 422


def test_a_key_that_is_over_opens_nothing(product: Product, organisation: Organisation) -> None:
    made = make(organisation, expires_at=ahead(hours=1))
    assert opens(organisation, made["secret"]) == [200]
    over = service_keys.update().where(service_keys.c.id == made["id"]).values(expires_at=moments.now() - 1)
    write(product, over)
    product.parts.authenticator.forget()
    assert opens(organisation, made["secret"]) == [401]
    assert [key["id"] for key in listed(organisation, state="expired")] == [made["id"]]


def listed(organisation: Organisation, **filters: str) -> list[dict[str, Any]]:
    return list(organisation.client().get("/api/v1/service-keys", params=filters).json()["items"])


def test_keys_are_listed_by_role_and_state(organisation: Organisation) -> None:
    first, second = make(organisation), make(organisation, role="approver")
    post(organisation, second, "revoke")
    assert [key["id"] for key in listed(organisation, state="revoked")] == [second["id"]]
    assert [key["name"] for key in listed(organisation, role="approver", state="active")] == ["approver"]
    assert first["id"] in [key["id"] for key in listed(organisation, role="analyst")]
    assert len(listed(organisation)) == 6
    assert organisation.client().get("/api/v1/service-keys", params={"state": "lost"}).status_code == 422


def test_a_revoked_key_is_refused_at_once_and_for_ever(organisation: Organisation) -> None:
    made = make(organisation)
    assert opens(organisation, made["secret"]) == [200]
    revoked = post(organisation, made, "revoke")
    assert revoked.json()["state"] == "revoked"
    assert opens(organisation, made["secret"]) == [401]
    again = post(organisation, made, "revoke")
    assert again.json() == revoked.json()
    refused = post(organisation, made, "rotate", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "key_ended")


def test_another_process_refuses_a_revoked_key_as_soon_as_it_looks_again(
    product: Product, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert REMEMBERED_SECONDS <= 5
    made, clock = make(organisation), StandingClock()
    monkeypatch.setattr(authenticator, "time", clock)
    other = Authenticator(product.parts.database)
    assert product.run(other.caller(made["secret"])).actor == f"key:{made['id']}"
    post(organisation, made, "revoke")
    assert product.run(other.caller(made["secret"])).actor == f"key:{made['id']}", "it does not look yet"
    clock.seconds += REMEMBERED_SECONDS
    with pytest.raises(ProblemError, match="No valid session or service key"):
        product.run(other.caller(made["secret"]))


def test_what_was_read_before_a_change_is_not_remembered_after_it(product: Product, organisation: Organisation) -> None:
    made = make(organisation)

    class Interrupted(Authenticator):
        """The key is revoked between the look-up and its end."""

        async def _found(self, secret: str, digest: bytes) -> Any:
            found = await super()._found(secret, digest)
            async with product.parts.database.writing() as connection:
                query = service_keys.update().where(service_keys.c.id == made["id"])
                await connection.execute(query.values(revoked_at=moments.now()))
            self.forget()
            return found

    between = Interrupted(product.parts.database)
    product.run(between.caller(made["secret"]))
    with pytest.raises(ProblemError, match="No valid session or service key"):
        product.run(between.caller(made["secret"]))


def test_a_rotated_key_opens_with_both_secrets_until_the_overlap_is_over(
    product: Product, organisation: Organisation
) -> None:
    made, before = make(organisation), datetime.now(UTC)
    rotated = post(organisation, made, "rotate", {"overlap_seconds": OVERLAP_SECONDS}).json()
    assert (rotated["id"], rotated["name"], rotated["role"]) == (made["id"], made["name"], made["role"])
    rotated_at = datetime.fromisoformat(rotated["old_until"]) - timedelta(seconds=OVERLAP_SECONDS)
    assert before <= rotated_at <= datetime.now(UTC)
    assert opens(organisation, made["secret"], rotated["secret"]) == [200, 200]
    write(product, service_keys.update().where(service_keys.c.id == made["id"]).values(old_until=moments.now() - 1))
    product.parts.authenticator.forget()
    assert opens(organisation, made["secret"], rotated["secret"]) == [401, 200]
    assert [key["old_until"] for key in listed(organisation) if key["id"] == made["id"]] == [None]


def test_an_overlap_of_nothing_ends_the_old_secret_at_once(organisation: Organisation) -> None:
    made = make(organisation)
    assert opens(organisation, made["secret"]) == [200]
    rotated = post(organisation, made, "rotate", {"overlap_seconds": 0}).json()
    assert rotated["old_until"] is None
    assert opens(organisation, made["secret"], rotated["secret"]) == [401, 200]


def test_the_overlap_is_a_day_unless_said_and_seven_at_most(organisation: Organisation) -> None:
    made = make(organisation)
    rotated = post(organisation, made, "rotate", {}).json()
    until = datetime.fromisoformat(rotated["old_until"]) - datetime.now(UTC)
    assert timedelta(hours=23) < until <= timedelta(days=1)
    assert post(organisation, made, "rotate", {"overlap_seconds": 7 * 86_400}).status_code == 200
    for seconds in (7 * 86_400 + 1, -1):
        assert post(organisation, made, "rotate", {"overlap_seconds": seconds}).status_code == 422


def test_two_secrets_open_at_most(organisation: Organisation) -> None:
    made = make(organisation)
    second = post(organisation, made, "rotate", {"overlap_seconds": OVERLAP_SECONDS}).json()
    third = post(organisation, made, "rotate", {"overlap_seconds": OVERLAP_SECONDS}).json()
    assert opens(organisation, made["secret"], second["secret"], third["secret"]) == [401, 200, 200]


def test_an_old_secret_never_outlives_the_end_it_had(product: Product, organisation: Organisation) -> None:
    made = make(organisation, expires_at=ahead(minutes=10))
    body = {"overlap_seconds": 86_400, "expires_at": ahead(days=90)}
    rotated = post(organisation, made, "rotate", body).json()
    assert rotated["old_until"] == made["expires_at"]
    assert rotated["expires_at"] > made["expires_at"]


def test_an_expired_key_is_rotated_with_a_new_end_alone(product: Product, organisation: Organisation) -> None:
    made = make(organisation, expires_at=ahead(hours=1))
    over = service_keys.update().where(service_keys.c.id == made["id"]).values(expires_at=moments.now() - 1)
    write(product, over)
    assert post(organisation, made, "rotate", {}).status_code == 409
    rotated = post(organisation, made, "rotate", {"expires_at": None}).json()
    assert (rotated["state"], rotated["expires_at"], rotated["old_until"]) == ("active", None, None)
    assert opens(organisation, made["secret"], rotated["secret"]) == [401, 200]


def test_a_revoked_key_does_not_open_with_its_old_secret(organisation: Organisation) -> None:
    made = make(organisation)
    rotated = post(organisation, made, "rotate", {"overlap_seconds": OVERLAP_SECONDS}).json()
    post(organisation, made, "revoke")
    assert opens(organisation, made["secret"], rotated["secret"]) == [401, 401]


def test_another_organisations_key_is_not_there(product: Product, organisation: Organisation) -> None:
    made = make(organisation)
    other = product.organisation(f"Other {new_id()}")
    assert [post(other, made, verb, {}).status_code for verb in ("revoke", "rotate")] == [404, 404]
    assert post(other, {"id": new_id()}, "revoke").json()["detail"] == post(other, made, "revoke").json()["detail"]
    assert made["id"] not in [key["id"] for key in listed(other)]
    assert opens(organisation, made["secret"]) == [200]


def test_what_is_done_to_keys_is_written_down_without_secrets(product: Product, organisation: Organisation) -> None:
    made = make(organisation)
    rotated = post(organisation, made, "rotate", {"overlap_seconds": OVERLAP_SECONDS}).json()
    post(organisation, made, "revoke")
    post(organisation, made, "revoke")
    log = entries(product, organisation)
    assert [(entry.action, entry.target, entry.about) for entry in log] == [
        ("service_key.created", f"key:{made['id']}", {"role": "analyst", "expires_at": None}),
        (
            "service_key.rotated",
            f"key:{made['id']}",
            {"expires_at": None, "old_until": rotated["old_until"]},
        ),
        ("service_key.revoked", f"key:{made['id']}", {}),
    ]
