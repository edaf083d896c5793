"""A running backend over a database of its own, one per module."""

from collections.abc import Iterator

import pytest

from apps.backend.tests.product import Product, running_backend, small_settings
from tests.postgres import running_postgres, why_no_postgres


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    """The address of a real, empty PostgreSQL."""
    why = why_no_postgres()
    if why:
        pytest.skip(why)
    with running_postgres() as address:
        yield address


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A backend whose upstreams are nowhere."""
    with running_backend(small_settings(tmp_path_factory.mktemp("backend"))) as running:
        yield running
