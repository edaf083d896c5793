"""A strange client that knows nothing but /openapi.json finds the backend as it is documented."""

from pathlib import Path

import pytest

from apps.backend.identity.caller import ROLES
from apps.backend.tests.contract.conftest import everything
from apps.backend.tests.contract.one_of_everything import Everything
from apps.backend.tests.contract.strange_client import Run, asked
from apps.backend.tests.contract.surroundings import Whole

ENDS_ITSELF = ("--exclude-operation-id", "revoke_service_key", "--exclude-operation-id", "rotate_service_key")
"""What follows links to every key would end the one that it asks with."""

ALL_PHASES = ("--phases", "examples,coverage,fuzzing")
EXAMPLES, MANY = ("--max-examples", "3"), ("--max-examples", "80")


def in_turn(has: Everything) -> list[str]:
    """Callers of every role, and a stranger."""
    return ["", *(has.organisation.secrets[role] for role in ROLES)]


def require_conforming(run: Run, whole: Whole, least_requests: int, left_out: int = 0) -> None:
    assert not run.faults, run.faults
    interface = whole.product.get("/openapi.json").json()
    assert run.operations == sum(len(operations) for operations in interface["paths"].values()) - left_out
    assert run.requests > least_requests


def test_an_admin_is_answered_as_documented(whole: Whole, tmp_path: Path) -> None:
    run = asked(whole.product.address, everything(whole), tmp_path, *ALL_PHASES, *EXAMPLES)
    require_conforming(run, whole, 2000)


def test_every_role_and_strangers_are_answered_as_documented(whole: Whole, tmp_path: Path) -> None:
    has = everything(whole)
    run = asked(whole.product.address, has, tmp_path, "--phases", "fuzzing", *EXAMPLES, secrets=in_turn(has))
    require_conforming(run, whole, 150)


def test_postgres_stores_whatever_is_sent(over_postgres: Whole, tmp_path: Path) -> None:
    has = everything(over_postgres)
    run = asked(over_postgres.product.address, has, tmp_path, "--phases", "fuzzing", *EXAMPLES)
    require_conforming(run, over_postgres, 150)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["whole", "over_postgres"])
def test_many_requests_are_answered_as_documented(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    running: Whole = request.getfixturevalue(database)
    has = everything(running)
    phases = ("--phases", "examples,coverage,fuzzing,stateful")
    run = asked(running.product.address, has, tmp_path, *phases, *MANY, *ENDS_ITSELF)
    require_conforming(run, running, 5000, left_out=2)
    # Not by coverage: it leaves the key out on purpose, which whoever asks in turn puts in again.
    again = asked(running.product.address, has, tmp_path, "--phases", "fuzzing", *MANY, secrets=in_turn(has))
    require_conforming(again, running, 4000)
