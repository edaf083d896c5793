"""Whatever others do, in whatever order, with whoever's names: an organisation keeps what it has, and it to itself."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.backend.identity.caller import ROLES, Role
from apps.backend.tests.isolation.conftest import JOBS, Isolated, running_isolated
from apps.backend.tests.isolation.drawn_requests import drawn_request
from apps.backend.tests.isolation.what_is_stored import stored

MOST_NUMBERS = 12
Step = tuple[int, Role, list[int]]
STEP = st.tuples(
    st.integers(0, 10**6),
    # Those who may do most are asked with most.
    st.sampled_from((*ROLES, "approver", "admin", "admin")),
    st.lists(st.integers(0, 59), max_size=MOST_NUMBERS),
)
QUIET = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large)
BOUNDED = settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=QUIET)
LARGE = settings(max_examples=500, deadline=None, database=None, suppress_health_check=QUIET)
SEQUENCE = st.lists(STEP, min_size=8, max_size=25)


@pytest.fixture(scope="module")
def isolated(postgres_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Isolated]:
    """The organisations in PostgreSQL."""
    with running_isolated(tmp_path_factory.mktemp("isolation"), database=postgres_address) as found:
        yield found


@pytest.fixture
def before(isolated: Isolated) -> dict[str, list[str]]:
    return stored(isolated.whole.product, isolated.owner.organisation.id)


@given(SEQUENCE)
@BOUNDED
def test_drawn_sequences_take_and_change_nothing(
    isolated: Isolated, before: dict[str, list[str]], steps: Sequence[Step]
) -> None:
    require_nothing_taken(isolated, before, steps)


@pytest.mark.slow
@given(SEQUENCE)
@LARGE
def test_many_drawn_sequences_take_and_change_nothing(
    isolated: Isolated, before: dict[str, list[str]], steps: Sequence[Step]
) -> None:
    require_nothing_taken(isolated, before, steps)


def require_nothing_taken(isolated: Isolated, before: dict[str, list[str]], steps: Sequence[Step]) -> None:
    for number, role, numbers in steps:
        operation = isolated.operations[number % len(isolated.operations)]
        asked = drawn_request(operation, isolated.names, isolated.asker, numbers)
        alike = drawn_request(operation, isolated.nowhere, isolated.twin, numbers)
        isolated.ask(role, asked, alike)
    isolated.whole.do_jobs(*JOBS)
    assert stored(isolated.whole.product, isolated.owner.organisation.id) == before
