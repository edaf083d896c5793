"""The whole product over each database, and an organisation that has one of everything."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import httpx
import pytest

from apps.backend.tests.contract.one_of_everything import Everything, make_one_of_everything
from apps.backend.tests.contract.surroundings import OWN_MODEL, SHARED_MODEL, Whole, running_whole

NAMES = count()


@pytest.fixture(scope="package")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Over SQLite."""
    with running_whole(tmp_path_factory.mktemp("whole")) as running:
        yield running


@pytest.fixture(scope="module")
def over_postgres(postgres_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Over PostgreSQL."""
    with running_whole(tmp_path_factory.mktemp("whole"), database=postgres_address) as running:
        yield running


@dataclass
class Place:
    """A running product and an organisation in it."""

    whole: Whole
    has: Everything

    @property
    def analyst(self) -> httpx.Client:
        """Who asks for most."""
        return self.has.clients["analyst"]

    def files(self) -> set[str]:
        """Return the names of the organisation's files."""
        folder = self.whole.product.parts.settings.state / "datasets" / self.has.organisation.id
        return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def in_sqlite(whole: Whole) -> Place:
    """Over SQLite."""
    return Place(whole, everything(whole))


@pytest.fixture(scope="module")
def in_postgres(over_postgres: Whole) -> Place:
    """Over PostgreSQL."""
    return Place(over_postgres, everything(over_postgres))


@pytest.fixture
def place(in_sqlite: Place) -> Place:
    """Over SQLite, with services that answer well."""
    in_sqlite.whole.services.reset()
    return in_sqlite


@pytest.fixture(params=["in_sqlite", "in_postgres"])
def either(request: pytest.FixtureRequest) -> Place:
    """Over one database, and then over the other."""
    found: Place = request.getfixturevalue(request.param)
    found.whole.services.reset()
    return found


def everything(whole: Whole) -> Everything:
    """Make an organisation that has one of everything, whatever a test before wanted of the services."""
    whole.services.reset()
    word = f"organised{next(NAMES)}"
    organisation = whole.product.organisation(f"Bank {word}", (SHARED_MODEL, OWN_MODEL))
    return make_one_of_everything(whole, organisation, word, OWN_MODEL)
