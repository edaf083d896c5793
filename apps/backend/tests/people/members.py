"""What the tests of people share: users who were made over HTTP, and what the database holds of them."""

from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import select

from apps.backend.audit_log.tables import audit_entries
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Role
from apps.backend.tests.product import NO_CERTIFICATES, PATIENCE_SECONDS, Organisation, Product

PASSWORD = "seven herons over grey water"
OTHER_PASSWORD = "a lamp beside eleven windows"


@dataclass
class Member:
    """A user of an organisation."""

    organisation: Organisation
    id: str
    email: str
    password: str
    tokens: list[str] = field(default_factory=list)

    def sign_in(self, password: str | None = None, **changes: str) -> httpx.Response:
        """Ask for a session."""
        body = {"organisation": self.organisation.name, "email": self.email, "password": password or self.password}
        return ask(self.organisation.address, None, "POST", "/api/v1/sessions", {**body, **changes})

    def token(self) -> str:
        """Sign in and return the token."""
        answered = self.sign_in()
        assert answered.status_code == 201, answered.text
        self.tokens.append(answered.json()["token"])
        return self.tokens[-1]


def make_user(organisation: Organisation, role: Role = "viewer", email: str | None = None) -> Member:
    """Make a user over HTTP."""
    made = Member(organisation, "", email or f"{new_id()}@example.org", PASSWORD)
    body = {"email": made.email, "name": "Ann", "role": role, "password": made.password}
    answered = organisation.client().post("/api/v1/users", json=body)
    assert answered.status_code == 201, answered.text
    made.id = answered.json()["id"]
    return made


def ask(address: str, secret: str | None, method: str, path: str, body: Any = None) -> httpx.Response:
    """Ask with a secret."""
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    return httpx.request(
        method, f"{address}{path}", headers=headers, json=body, timeout=PATIENCE_SECONDS, verify=NO_CERTIFICATES
    )


def who(member: Member, secret: str) -> int:
    """The status of `GET /api/v1/me` with this secret."""
    return ask(member.organisation.address, secret, "GET", "/api/v1/me").status_code


def rows(product: Product, query: Any) -> list[Any]:
    """What the database answers to a query."""

    async def read() -> list[Any]:
        async with product.parts.database.reading() as connection:
            return list((await connection.execute(query)).all())

    return list(product.run(read()))


def write(product: Product, query: Any) -> None:
    """Change the database behind the backend's back."""

    async def change() -> None:
        async with product.parts.database.writing() as connection:
            await connection.execute(query)

    product.run(change())


def entries(product: Product, organisation: Organisation) -> list[Any]:
    """The audit log of an organisation, the oldest first."""
    query = select(audit_entries).where(audit_entries.c.organisation_id == organisation.id)
    return rows(product, query.order_by(audit_entries.c.sequence))


def job(product: Product, name: str) -> None:
    """Do the work of a background job now; where it also runs by itself, the two may meet."""
    found = next(each for each in product.jobs if each.name == name)

    async def work() -> None:
        await found.work()

    product.run(work())
