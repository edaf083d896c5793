"""Who may ask what: every route of people, in every role."""

from typing import Any

import httpx
import pytest

from apps.backend.identifiers import new_id
from apps.backend.identity.caller import ROLES, Role
from apps.backend.tests.people.members import OTHER_PASSWORD, PASSWORD, Member, ask, make_user
from apps.backend.tests.product import Organisation, Product

USER = {"email": "bob@example.org", "name": "Bob", "role": "viewer", "password": PASSWORD}
ROUTES: dict[tuple[str, str], tuple[Role | None, int, Any]] = {
    ("POST", "/api/v1/sessions"): (None, 401, {"organisation": "none", "email": "a@b", "password": PASSWORD}),
    ("DELETE", "/api/v1/sessions/current"): ("viewer", 204, None),
    ("GET", "/api/v1/me"): ("viewer", 200, None),
    ("PUT", "/api/v1/me/password"): (
        "viewer",
        200,
        {"current_password": PASSWORD, "new_password": OTHER_PASSWORD},
    ),
    ("GET", "/api/v1/users"): ("admin", 200, None),
    ("POST", "/api/v1/users"): ("admin", 201, USER),
    ("GET", "/api/v1/users/{user_id}"): ("admin", 200, None),
    ("PATCH", "/api/v1/users/{user_id}"): ("admin", 200, {"name": "Ann"}),
    ("DELETE", "/api/v1/users/{user_id}/sessions"): ("admin", 200, None),
    ("GET", "/api/v1/service-keys"): ("admin", 200, None),
    ("POST", "/api/v1/service-keys"): ("admin", 201, {"name": "new", "role": "viewer"}),
    ("POST", "/api/v1/service-keys/{key_id}/revoke"): ("admin", 200, None),
    ("POST", "/api/v1/service-keys/{key_id}/rotate"): ("admin", 200, {}),
}
"""The role that each route needs, None: no caller at all; what it answers then; a body that fits."""


def test_the_table_names_every_route_of_people(product: Product) -> None:
    document = product.get("/openapi.json").json()
    served = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "people" in operation["tags"]
    }
    assert served == set(ROUTES)


@pytest.fixture(scope="module")
def organisation(product: Product) -> Organisation:
    return product.organisation(f"Bank {new_id()}")


def asked(organisation: Organisation, route: tuple[str, str], secret: str | None, target: Member) -> httpx.Response:
    method, path = route
    path = path.format(user_id=target.id, key_id=_key(organisation) if "{key_id}" in path else "")
    body = ROUTES[route][2]
    if isinstance(body, dict) and method == "POST" and "name" in body:
        fresh = new_id()
        body = {**body, "name": fresh, **({"email": f"{fresh}@example.org"} if "email" in body else {})}
    return ask(organisation.address, secret, method, path, body)


def _key(organisation: Organisation) -> str:
    body = {"name": new_id(), "role": "viewer"}
    return str(organisation.client().post("/api/v1/service-keys", json=body).json()["id"])


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_each_route_answers_who_may_ask_and_nobody_else(organisation: Organisation, route: tuple[str, str]) -> None:
    needed, status, _ = ROUTES[route]
    target = make_user(organisation)
    for role in ROLES:
        answered = asked(organisation, route, make_user(organisation, role).token(), target)
        may = needed is None or ROLES.index(role) >= ROLES.index(needed)
        assert answered.status_code == (status if may else 403), (role, answered.text)
        if not may:
            assert answered.json()["code"] == "role_missing"
    for secret in (None, "fms_" + "x" * 43, "fmk_" + "x" * 43, "y" * 300):
        answered = asked(organisation, route, secret, target)
        assert answered.status_code == 401
        assert answered.json()["code"] == ("wrong_credentials" if needed is None else "unauthenticated")
        assert answered.headers["WWW-Authenticate"] == "Bearer"


def test_a_role_counts_from_the_next_request_on(organisation: Organisation) -> None:
    member = make_user(organisation, "viewer")
    token = member.token()
    assert ask(organisation.address, token, "GET", "/api/v1/users").status_code == 403
    organisation.client().patch(f"/api/v1/users/{member.id}", json={"role": "admin"})
    assert ask(organisation.address, token, "GET", "/api/v1/users").status_code == 401
    assert ask(organisation.address, member.token(), "GET", "/api/v1/users").status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/users/{}", "/api/v1/service-keys/{}/revoke"])
@pytest.mark.parametrize("name", ["1", "x" * 36, "%00" * 12, "a" * 5000])
def test_names_of_rows_that_cannot_be_are_refused(organisation: Organisation, path: str, name: str) -> None:
    method = "POST" if path.endswith("revoke") else "GET"
    assert organisation.client().request(method, path.format(name)).status_code in (400, 404, 414, 422)
