"""A running backend over a database of its own, one per module."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from apps.backend.tests.product import Product, running_backend, small_settings
from tests.postgres import running_postgres, why_no_postgres


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
