"""Users: made, listed, changed at once; an organisation always has an admin."""

import json
from typing import Any

import pytest

from apps.backend.identifiers import new_id
from apps.backend.tests.people.members import OTHER_PASSWORD, PASSWORD, Member, ask, entries, make_user, who
from apps.backend.tests.product import Organisation, Product


@pytest.fixture
def organisation(product: Product) -> Organisation:
    return product.organisation(f"Bank {new_id()}")


def change(member: Member, **changes: Any) -> Any:
    return member.organisation.client().patch(f"/api/v1/users/{member.id}", json=changes)


def test_a_new_user_can_sign_in_and_is_who_the_admin_said(organisation: Organisation) -> None:
    body = {"email": "  Ann.Example@EXAMPLE.org ", "name": " Ann ", "role": "analyst", "password": PASSWORD}
    made = organisation.client().post("/api/v1/users", json=body)
    assert made.status_code == 201
    assert made.json() == {
        "id": made.json()["id"],
        "email": "ann.example@example.org",
        "name": "Ann",
        "role": "analyst",
        "is_active": True,
        "created_at": made.json()["created_at"],
    }
    member = Member(organisation, made.json()["id"], "ann.example@example.org", PASSWORD)
    me = ask(organisation.address, member.token(), "GET", "/api/v1/me").json()
    assert me == {
        "organisation": {"id": organisation.id, "name": organisation.name},
        "actor": f"user:{member.id}",
        "kind": "user",
        "name": "Ann",
        "role": "analyst",
        "email": "ann.example@example.org",
    }
    assert organisation.client().get(f"/api/v1/users/{member.id}").json() == made.json()


def test_a_service_key_is_told_that_it_is_one(organisation: Organisation) -> None:
    me = organisation.client("viewer").get("/api/v1/me").json()
    assert (me["kind"], me["role"], me["email"], me["organisation"]["id"]) == (
        "service_key",
        "viewer",
        None,
        organisation.id,
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"email": "no email"},
        {"email": "two@at@signs"},
        {"email": "zero\u200bwidth@example.org"},
        {"email": "a" * 65 + "@example.org"},
        {"email": "İ" * 64 + "@" + "İ" * 180},
        {"name": ""},
        {"name": " "},
        {"name": "a\x00b"},
        {"name": "turned \u202e round"},
        {"name": "\ud800"},
        {"name": "n" * 201},
        {"role": "owner"},
        {"role": None},
        {"password": "short"},
        {"password": "long" * 51},
        {"is_active": False},
    ],
    ids=repr,
)
def test_what_does_not_fit_is_refused_without_being_repeated(organisation: Organisation, changed: Any) -> None:
    body = {"email": "ann@example.org", "name": "Ann", "role": "viewer", "password": PASSWORD, **changed}
    sent = json.dumps(body).encode()
    answered = organisation.client().post("/api/v1/users", content=sent, headers={"Content-Type": "application/json"})
    assert answered.status_code == 422, answered.text
    told = [error["location"] for error in answered.json()["errors"]]
    assert told == [f"body.{next(iter(changed))}"] or answered.json()["code"] != "misfit"
    value = next(iter(changed.values()))
    assert not isinstance(value, str) or len(value) < 3 or value not in answered.text


def test_guessable_passwords_are_refused_wherever_one_is_chosen(organisation: Organisation) -> None:
    member = make_user(organisation)
    weak = f"{organisation.name.lower()} 12"
    body = {"email": "bob@example.org", "name": "Bob", "role": "viewer", "password": weak}
    own = {"current_password": PASSWORD, "new_password": weak}
    answers = [
        organisation.client().post("/api/v1/users", json=body),
        change(member, password=weak),
        ask(organisation.address, member.token(), "PUT", "/api/v1/me/password", own),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(422, "weak_password")] * 3
    assert [answer.json()["errors"][0]["location"] for answer in answers] == [
        "body.password",
        "body.password",
        "body.new_password",
    ]
    assert all(weak not in answer.text for answer in answers)


def test_users_are_listed_in_pages_and_by_role_and_activity(organisation: Organisation) -> None:
    made = [make_user(organisation, role) for role in ("viewer", "analyst", "viewer", "viewer")]
    change(made[2], is_active=False)
    client = organisation.client()

    def listed(**filters: Any) -> list[str]:
        found, cursor = [], None
        while True:
            page = client.get("/api/v1/users", params={"limit": 2, **({"cursor": cursor} if cursor else {}), **filters})
            found += [user["id"] for user in page.json()["items"]]
            cursor = page.json()["next_cursor"]
            if cursor is None:
                return found

    assert listed() == [member.id for member in reversed(made)]
    assert listed(role="viewer") == [made[3].id, made[2].id, made[0].id]
    assert listed(role="viewer", is_active=True) == [made[3].id, made[0].id]
    assert listed(is_active=False) == [made[2].id]
    assert client.get("/api/v1/users", params={"role": "owner"}).status_code == 422


def test_another_organisations_user_is_not_there(product: Product, organisation: Organisation) -> None:
    member = make_user(organisation)
    token = member.token()
    other = product.organisation(f"Other {new_id()}").client()
    nobody = new_id()
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"role": "admin"}),
        ("PATCH", "", {"password": OTHER_PASSWORD}),
        ("DELETE", "/sessions", None),
    ):
        foreign = other.request(method, f"/api/v1/users/{member.id}{path}", json=body)
        absent = other.request(method, f"/api/v1/users/{nobody}{path}", json=body)
        assert foreign.status_code == absent.status_code == 404
        assert foreign.json()["detail"] == absent.json()["detail"]
    assert other.get("/api/v1/users").json()["items"] == []
    assert who(member, token) == 200


@pytest.mark.parametrize("changes", [{"role": "admin"}, {"is_active": False}, {"password": OTHER_PASSWORD}], ids=repr)
def test_a_change_ends_the_sessions_of_before_at_once(organisation: Organisation, changes: dict[str, Any]) -> None:
    member = make_user(organisation, "analyst")
    token = member.token()
    assert who(member, token) == 200
    assert change(member, **changes).status_code == 200
    assert who(member, token) == 401
    if "is_active" in changes:
        assert member.sign_in().status_code == 401
        change(member, is_active=True)
        assert who(member, token) == 401, "a session does not come back"
    member.password = changes.get("password", PASSWORD)
    assert member.sign_in().json()["role"] == changes.get("role", "analyst")


def test_a_new_name_and_what_is_no_change_end_nothing(product: Product, organisation: Organisation) -> None:
    member = make_user(organisation, "analyst")
    token = member.token()
    before = len(entries(product, organisation))
    assert change(member, name="Anna").json()["name"] == "Anna"
    assert change(member, name="Anna", role="analyst", is_active=True).status_code == 200
    assert change(member, role=None, password=None).status_code == 200
    assert ask(organisation.address, token, "GET", "/api/v1/me").json()["name"] == "Anna"
    assert [(entry.action, entry.about) for entry in entries(product, organisation)[before:]] == [
        ("user.changed", {"changed": ["name"], "sessions_ended": 0})
    ]


def test_the_last_active_admin_stays_one(organisation: Organisation) -> None:
    first, second = make_user(organisation, "admin"), make_user(organisation, "admin")
    assert change(first, role="viewer").status_code == 200
    for changes in ({"role": "approver"}, {"is_active": False}):
        refused = change(second, **changes)
        assert (refused.status_code, refused.json()["code"]) == (409, "last_admin")
    assert change(second, name="Last", password=OTHER_PASSWORD).status_code == 200
    assert change(first, role="admin", is_active=False).status_code == 200
    assert change(second, role="viewer").status_code == 409, "an admin who is not active counts for nothing"
    assert change(first, is_active=True).status_code == 200
    assert change(second, role="viewer").status_code == 200


def test_an_admin_of_another_organisation_does_not_count(product: Product, organisation: Organisation) -> None:
    make_user(product.organisation(f"Other {new_id()}"), "admin")
    assert change(make_user(organisation, "admin"), is_active=False).status_code == 409


def test_a_user_changes_the_own_password_and_goes_on_with_the_new_session(
    product: Product, organisation: Organisation
) -> None:
    member = make_user(organisation)
    old = [member.token(), member.token()]
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    answered = ask(organisation.address, old[0], "PUT", "/api/v1/me/password", body)
    assert answered.status_code == 200
    assert [who(member, token) for token in (*old, answered.json()["token"])] == [401, 401, 200]
    assert member.sign_in().status_code == 401
    assert member.sign_in(OTHER_PASSWORD).status_code == 201
    assert ("user.changed", f"user:{member.id}", {"changed": ["password"], "sessions_ended": 2}) in [
        (entry.action, entry.actor, entry.about) for entry in entries(product, organisation)
    ]


def test_the_own_password_is_changed_by_who_knows_it_alone(organisation: Organisation) -> None:
    member = make_user(organisation)
    token = member.token()
    body = {"current_password": OTHER_PASSWORD, "new_password": OTHER_PASSWORD}
    refused = ask(organisation.address, token, "PUT", "/api/v1/me/password", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_credentials")
    assert who(member, token) == 200
    refused = organisation.client().put("/api/v1/me/password", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_password")


def test_what_is_done_to_users_is_written_down_without_names_and_secrets(
    product: Product, organisation: Organisation
) -> None:
    member = make_user(organisation, "viewer")
    member.token()
    change(member, role="analyst", password=OTHER_PASSWORD, name="Bob")
    member.password = OTHER_PASSWORD
    member.token()
    organisation.client().delete(f"/api/v1/users/{member.id}/sessions")
    log = entries(product, organisation)
    name = f"user:{member.id}"
    changed = {
        "changed": ["name", "password", "role"],
        "role": {"from": "viewer", "to": "analyst"},
        "sessions_ended": 1,
    }
    assert [(entry.action, entry.target, entry.about) for entry in log] == [
        ("user.created", name, {"role": "viewer"}),
        ("session.opened", name, {}),
        ("user.changed", name, changed),
        ("session.opened", name, {}),
        ("sessions.ended", name, {"sessions_ended": 1}),
    ]
    assert [entry.actor == name for entry in log] == [False, True, False, True, False]
    assert "Bob" not in str(log)
    assert "example.org" not in str(log)
