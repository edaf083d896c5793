"""A running backend over a database of its own, one per module."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from apps.backend.storage import database
from apps.backend.tests.product import PATIENCE_SECONDS, Product, running_backend, small_settings
from apps.backend.upstreams import audits, evidence_service, governance_store, model_server
from tests.postgres import running_postgres, why_no_postgres

LONG_SECONDS = 45.0
"""Less than the minute after which scripted services want to be asked again: nobody waits for that."""


@pytest.fixture(scope="session", autouse=True)
def _patient_backend() -> Iterator[None]:
    """Let the backend wait long for a machine that is slow; a test of one of these times makes that one short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_server.ModelServer.__init__, "__defaults__", (None, LONG_SECONDS))
        for module in (model_server, evidence_service, audits, governance_store):
            patch.setattr(module, "CONNECT_SECONDS", LONG_SECONDS)
        patch.setattr(audits, "PROBE_SECONDS", LONG_SECONDS)
        patch.setattr(governance_store, "ANSWER_SECONDS", LONG_SECONDS)
        patch.setattr(database, "CONNECT_SECONDS", int(LONG_SECONDS))
        patch.setattr(database, "BUSY_SECONDS", PATIENCE_SECONDS)
        busy = f"busy_timeout={PATIENCE_SECONDS * 1000:.0f}"
        patch.setattr(database, "PRAGMAS", tuple(busy if "busy" in each else each for each in database.PRAGMAS))
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a real PostgreSQL that all modules share."""
    why = why_no_postgres()
    if why:
        pytest.skip(why)
    with running_postgres() as address:
        yield address


@pytest.fixture(scope="module")
def postgres_address(postgres_server: str) -> str:
    """The address of a real, empty PostgreSQL database, one per module."""
    name = f"of_{uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    return postgres_server.rpartition("/")[0] + f"/{name}"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A backend whose upstreams are nowhere."""
    with running_backend(small_settings(tmp_path_factory.mktemp("backend"))) as running:
        yield running
