"""A backend over each database, beside an evidence service and a governance store that can be told to fail."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.backend import moments
from apps.backend.governance.routes import Link
from apps.backend.governance.tables import publication_items, publications
from apps.backend.tests.governance.scripted_store import TOKEN, ScriptedStore, running_store
from apps.backend.tests.models.conftest import BOTH, never_open, rows
from apps.backend.tests.models.scripted_registry import ScriptedRegistry, running_registry
from apps.backend.tests.product import Organisation, Product, running_backend, small_settings

__all__ = ["BOTH"]
GOVERNANCE = "/api/v1/governance"
NAMES = count()
DAY = 24 * 3600 * moments.MICROSECONDS


@dataclass
class Office:
    """One organisation of a running backend, and the services that the backend asks."""

    product: Product
    registry: ScriptedRegistry
    store: ScriptedStore
    organisation: Organisation

    def __post_init__(self) -> None:
        self.viewer = self.organisation.client("viewer")
        self.analyst = self.organisation.client("analyst")
        self.approver = self.organisation.client("approver")
        self.admin = self.organisation.client("admin")

    def ask(self, version: str = "1", headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        content = {"model": "loans", "version": version, "system_id": "credit", **body}
        return self.admin.post(f"{GOVERNANCE}/publications", json=content, headers=headers)

    def asked(self, version: str = "1", **body: Any) -> str:
        """Return the id of a publication that was queued."""
        answered = self.ask(version, **body)
        assert answered.status_code == 202, answered.text
        return str(answered.json()["id"])

    def read(self, publication: str) -> dict[str, Any]:
        return dict(self.viewer.get(f"{GOVERNANCE}/publications/{publication}").json())

    def states(self, publication: str) -> dict[str, str]:
        """Return part → state of its items."""
        return {item["part"]: item["state"] for item in self.read(publication)["items"]}

    def work(self, now: int | None = None, product: Product | None = None) -> None:
        """Run the job at a moment; None: in a day, when everything that waits is due."""
        on = product or self.product
        on.run(Link(on.parts).work_at(moments.now() + DAY if now is None else now))

    def map(self, model: str = "loans", **system: Any) -> httpx.Response:
        return self.admin.put(f"{GOVERNANCE}/systems/{model}", json={"system_id": "credit", **system})

    def logged(self) -> list[Any]:
        """Return the entries of the audit log, the first first."""
        from apps.backend.audit_log.tables import audit_entries

        query = audit_entries.select().where(audit_entries.c.organisation_id == self.organisation.id)
        return rows(self.product, query.order_by(audit_entries.c.sequence))


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[ScriptedRegistry, ScriptedStore]]:
    with running_registry() as registry, running_store() as store:
        yield registry, store


@pytest.fixture(scope="module")
def product(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    running: tuple[ScriptedRegistry, ScriptedStore],
) -> Iterator[Product]:
    folder: Path = tmp_path_factory.mktemp("governance")
    upstreams = {"evidence": running[0].address, "governance": running[1].address, "governance_token": TOKEN}
    settings = small_settings(folder, **upstreams)
    if getattr(request, "param", "sqlite") == "postgresql":
        settings = small_settings(folder, **upstreams, database=request.getfixturevalue("postgres_address"))
    with running_backend(settings, never_open) as product:
        yield product


async def forget(product: Product) -> None:
    """Take away what other tests left to be sent: the job works for all organisations."""
    async with product.parts.database.writing() as connection:
        for table in (publication_items, publications):
            await connection.execute(table.delete())


@pytest.fixture
def office(product: Product, running: tuple[ScriptedRegistry, ScriptedStore]) -> Office:
    """An organisation of its own for each test."""
    registry, store = running
    registry.reset()
    store.reset()
    product.run(forget(product))
    return Office(product, registry, store, product.organisation(f"governed {next(NAMES)}"))
