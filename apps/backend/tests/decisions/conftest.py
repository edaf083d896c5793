"""A backend over each database, beside a model server that can be told to fail."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.backend.parts import Parts
from apps.backend.settings import Settings
from apps.backend.tests.decisions.model_server import APPLICATION, ModelServer, model_server
from apps.backend.tests.product import Organisation, Product, running_backend, small_settings
from apps.backend.upstreams import model_server as upstream
from apps.backend.upstreams.breaker import CircuitBreaker

NAMES = count()


@dataclass
class Office:
    """One organisation of a running backend, and the model server that it asks."""

    product: Product
    models: ModelServer
    organisation: Organisation

    def __post_init__(self) -> None:
        self.viewer = self.organisation.client("viewer")
        self.analyst = self.organisation.client("analyst")
        self.approver = self.organisation.client("approver")
        self.admin = self.organisation.client("admin")

    def ask(self, application: Any = APPLICATION, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        content = {"model": "loans", "application": application, **body}
        return self.analyst.post("/api/v1/decisions", json=content, headers=headers)

    def decided(self, application: Any = APPLICATION, **body: Any) -> dict[str, Any]:
        """Return a decision that was made."""
        answered = self.ask(application, **body)
        assert answered.status_code == 201, answered.text
        return dict(answered.json())

    def listed(self, **query: Any) -> list[dict[str, Any]]:
        answered = self.viewer.get("/api/v1/decisions", params=query)
        assert answered.status_code == 200, answered.text
        return list(answered.json()["items"])

    def logged(self, *actions: str) -> list[Any]:
        """Return the entries of the audit log of these actions, the first first."""
        from apps.backend.audit_log.tables import audit_entries

        query = (
            audit_entries.select()
            .where(audit_entries.c.organisation_id == self.organisation.id, audit_entries.c.action.in_(actions))
            .order_by(audit_entries.c.sequence)
        )
        return list(self.rows(query))

    def rows(self, query: Any) -> list[Any]:
        async def read() -> list[Any]:
            async with self.product.parts.database.reading() as connection:
                return list((await connection.execute(query)).all())

        return list(self.product.run(read()))


def patient_for(seconds: float, settings: Settings, breaker: CircuitBreaker) -> Callable[[Parts], None]:
    """Return the change of parts that lets the backend wait so long for the model server."""

    def change(parts: Parts) -> None:
        parts.model_server = upstream.ModelServer(settings, breaker, seconds)

    return change


@pytest.fixture(scope="module")
def running_models() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, running_models: ModelServer
) -> Iterator[Product]:
    folder: Path = tmp_path_factory.mktemp("decisions")
    settings = small_settings(folder, model_server=running_models.address)
    if request.param == "postgresql":
        settings = small_settings(
            folder, model_server=running_models.address, database=request.getfixturevalue("postgres_address")
        )
    with running_backend(settings) as running:
        yield running


@pytest.fixture
def office(product: Product, running_models: ModelServer) -> Office:
    """An organisation of its own for each test."""
    running_models.reset()
    return Office(product, running_models, product.organisation(f"office {next(NAMES)}"))
