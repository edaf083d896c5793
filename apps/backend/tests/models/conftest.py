"""A backend over each database, beside an evidence service that can be told to fail."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.backend import moments
from apps.backend.models.execution import Execution
from apps.backend.parts import Parts
from apps.backend.tests.models.scripted_registry import ScriptedRegistry, running_registry
from apps.backend.tests.product import Organisation, Product, running_backend, small_settings
from apps.backend.upstreams.breaker import CircuitBreaker
from apps.backend.upstreams.registry import Registry

NAMES = count()
HOUR = 3600 * moments.MICROSECONDS
PROMOTIONS = "/api/v1/promotions"
BOTH = pytest.mark.parametrize("product", ["sqlite", "postgresql"], indirect=True, scope="module")
"""Where rows matter."""


@dataclass
class Office:
    """One organisation of a running backend, and the registry that the backend asks."""

    product: Product
    registry: ScriptedRegistry
    organisation: Organisation

    def __post_init__(self) -> None:
        self.viewer = self.organisation.client("viewer")
        self.analyst = self.organisation.client("analyst")
        self.approver = self.organisation.client("approver")
        self.admin = self.organisation.client("admin")

    def ask(self, version: str | None = "2", headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """Ask for a promotion; without a version for a roll back."""
        kind = "rollback" if version is None else "promotion"
        content = {"kind": kind, "model": "loans", "version": version, "reason": "it is better", **body}
        content = {name: value for name, value in content.items() if value is not None}
        return self.analyst.post(PROMOTIONS, json=content, headers=headers)

    def asked(self, version: str | None = "2", **body: Any) -> str:
        """Return the id of a promotion that was asked for."""
        answered = self.ask(version, **body)
        assert answered.status_code == 201, answered.text
        return str(answered.json()["id"])

    def approve(self, promotion: str, words: str = "I looked at it") -> httpx.Response:
        return self.approver.post(f"{PROMOTIONS}/{promotion}/approval", json={"words": words})

    def read(self, promotion: str) -> dict[str, Any]:
        return dict(self.viewer.get(f"{PROMOTIONS}/{promotion}").json())

    def carry_out(self, now: int | None = None, product: Product | None = None) -> None:
        """Run the job at a moment; None: in an hour."""
        parts = (product or self.product).parts
        execution = Execution(parts.database, Registry(parts.evidence), [])
        (product or self.product).run(execution.carry_out_due(moments.now() + HOUR if now is None else now))

    def logged(self, prefix: str = "promotion.") -> list[Any]:
        """Return the entries of the audit log whose action begins so, the first first."""
        from apps.backend.audit_log.tables import audit_entries

        query = audit_entries.select().where(audit_entries.c.organisation_id == self.organisation.id)
        entries = rows(self.product, query.order_by(audit_entries.c.sequence))
        return [entry for entry in entries if entry.action.startswith(prefix)]


def rows(product: Product, query: Any) -> list[Any]:
    """Return what the database holds."""

    async def read() -> list[Any]:
        async with product.parts.database.reading() as connection:
            return list((await connection.execute(query)).all())

    return list(product.run(read()))


def never_open(parts: Parts) -> None:
    """Keep the circuit closed, for tests fail the service as often as they like; jobs run when a test says so."""
    parts.evidence.breaker = CircuitBreaker(failures=10**6)
    parts.background.jobs.clear()


@pytest.fixture(scope="module")
def running() -> Iterator[ScriptedRegistry]:
    with running_registry() as registry:
        yield registry


@pytest.fixture(scope="module")
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, running: ScriptedRegistry
) -> Iterator[Product]:
    folder: Path = tmp_path_factory.mktemp("models")
    settings = small_settings(folder, evidence=running.address)
    if getattr(request, "param", "sqlite") == "postgresql":
        database = request.getfixturevalue("postgres_address")
        settings = small_settings(folder, evidence=running.address, database=database)
    with running_backend(settings, never_open) as product:
        yield product


@pytest.fixture
def office(product: Product, running: ScriptedRegistry) -> Office:
    """An organisation of its own for each test."""
    running.reset()
    return Office(product, running, product.organisation(f"office {next(NAMES)}"))
