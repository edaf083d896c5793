"""No answer of a route of people ever holds a stored digest or hash, a password, or a secret that was shown before."""

import base64
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from apps.backend.identifiers import new_id
from apps.backend.identity.tables import service_keys, sessions, users
from apps.backend.tests.people.members import OTHER_PASSWORD, PASSWORD, ask, make_user, rows
from apps.backend.tests.product import Organisation, Product

PASSWORDS = (PASSWORD, OTHER_PASSWORD, "weak password", "password1234", "x")
ACTIONS = (
    "create_user", "create_key", "change_password", "change_own_password", "sign_in", "sign_in_wrongly", "sign_out",
    "list_users", "list_keys", "get_user", "me", "rotate", "revoke", "end_sessions", "nonsense",
)  # fmt: skip
STEP = st.tuples(st.sampled_from(ACTIONS), st.sampled_from(PASSWORDS), st.integers(0, 3))


@dataclass
class World:
    """An organisation that things are done to, and every answer that was given."""

    organisation: Organisation
    answers: list[httpx.Response] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    keys: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: Any = None, secret: str | None = None) -> Any:
        """Ask as an admin, or with a secret; an answer may hold the secrets that it is the first to show."""
        secret = secret or self.organisation.secrets["admin"]
        answered = ask(self.organisation.address, secret, method, f"/api/v1{path}", body)
        self.answers.append(answered)
        content = answered.json() if answered.content else {}
        assert [text for text in self.shown if text in answered.text] == []
        self.shown += [content[name] for name in ("secret", "token") if name in content]
        return content


@pytest.fixture(scope="module")
def organisation(product: Product) -> Organisation:
    made = product.organisation(f"Bank {new_id()}")
    make_user(made, "admin", "ann@example.org")
    return made


@given(st.lists(STEP, min_size=3, max_size=12))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_answer_holds_what_is_stored_or_sent_in_secret(
    product: Product, organisation: Organisation, steps: list[tuple[str, str, int]]
) -> None:
    world = World(organisation)
    for action, password, which in steps:
        _do(world, action, password, which)
    secrets = [*PASSWORDS[:4], *_stored(product, organisation)]
    bodies = "\n".join(answer.text + str(answer.headers) for answer in world.answers)
    assert [secret for secret in secrets if secret in bodies] == []


def _do(world: World, action: str, password: str, which: int) -> None:
    user = world.ask("GET", "/users")["items"][-1]["id"]
    key = world.keys[which % len(world.keys)]["id"] if world.keys else new_id()
    token = world.tokens[which % len(world.tokens)] if world.tokens else "fms_none"
    credentials = {"organisation": world.organisation.name, "email": "ann@example.org", "password": PASSWORD}
    own = {"current_password": PASSWORD, "new_password": password}
    new_user = {"email": f"{new_id()}@example.org", "name": "Bob", "role": "viewer", "password": password}
    asked: dict[str, tuple[Any, ...]] = {
        "create_user": ("POST", "/users", new_user),
        "create_key": ("POST", "/service-keys", {"name": new_id(), "role": "analyst"}),
        "change_password": ("PATCH", f"/users/{user}", {"password": password}),
        "change_own_password": ("PUT", "/me/password", own, token),
        "sign_in": ("POST", "/sessions", credentials),
        "sign_in_wrongly": ("POST", "/sessions", {**credentials, "email": password}),
        "sign_out": ("DELETE", "/sessions/current", None, token),
        "list_users": ("GET", "/users?limit=200"),
        "list_keys": ("GET", "/service-keys?limit=200"),
        "get_user": ("GET", f"/users/{user}"),
        "me": ("GET", "/me", None, token),
        "rotate": ("POST", f"/service-keys/{key}/rotate", {"overlap_seconds": which * 1000}),
        "revoke": ("POST", f"/service-keys/{key}/revoke"),
        "end_sessions": ("DELETE", f"/users/{user}/sessions"),
        "nonsense": ("POST", "/users", {"password": password, password: [password], "role": password}),
    }
    content = world.ask(*asked[action])
    if "secret" in content:
        world.keys.append(content)
    if "token" in content:
        world.tokens.append(content["token"])


def _stored(product: Product, organisation: Organisation) -> list[str]:
    """Everything secret that the database holds, in the ways that it could be written."""
    found: list[str] = []
    for column in (sessions.c.digest, service_keys.c.digest, service_keys.c.old_digest):
        query = select(column).where(column.table.c.organisation_id == organisation.id, column.is_not(None))
        for (digest,) in rows(product, query):
            found += [
                digest.hex(),
                base64.b64encode(digest).decode()[:40],
                base64.urlsafe_b64encode(digest).decode()[:40],
            ]
    for (password,) in rows(product, select(users.c.password).where(users.c.organisation_id == organisation.id)):
        found += [password, password.split("$")[-1], password.split("$")[-2]]
    return found
