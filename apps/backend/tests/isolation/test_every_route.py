"""Nobody is told, shown or able to change anything of another organisation's, by any route."""

from typing import Any

import pytest

from apps.backend.identity.caller import ROLES
from apps.backend.tests.isolation.asking_everything import every_request, operations_of, own_reads
from apps.backend.tests.isolation.conftest import JOBS, Isolated
from apps.backend.tests.isolation.what_is_stored import stored

REFUSED = (403, 404)
LEAST_REQUESTS = 1000


def test_everything_is_there_to_be_taken(isolated: Isolated) -> None:
    """Otherwise the other tests could not fail."""
    empty = [name for name, rows in stored(isolated.whole.product, isolated.owner.organisation.id).items() if not rows]
    assert empty == []
    assert len(isolated.told) > 200


@pytest.mark.parametrize(
    "described",
    [
        {"parameters": [{"in": "path", "name": "new_thing"}]},
        {"parameters": [{"in": "query", "name": "of_new_thing"}]},
        {"parameters": [{"in": "header", "name": "x-new-thing"}]},
        {"requestBody": {}},
    ],
    ids=["path", "query", "header", "body"],
)
def test_a_new_route_is_not_forgotten(described: dict[str, Any]) -> None:
    interface = {"paths": {"/new/{new_thing}": {"post": {"operationId": "make_new_thing", **described}}}}
    with pytest.raises(AssertionError, match=r"make_new_thing: say in .*what .* is asked with"):
        operations_of(interface)


def test_a_strangers_names_open_nothing_and_are_answered_as_names_of_nothing(isolated: Isolated) -> None:
    product, owner = isolated.whole.product, isolated.owner.organisation.id
    before = stored(product, owner)
    for asked, alike in isolated.pairs(every_request):
        answers = {role: isolated.ask(role, asked, alike) for role in ROLES}
        if asked.is_strange:
            assert {answer.status_code for answer in answers.values()} <= set(REFUSED), asked
            assert answers["admin"].status_code == 404, asked
    isolated.whole.do_jobs(*JOBS)
    assert stored(product, owner) == before
    for asked, alike in isolated.pairs(own_reads):
        isolated.ask("admin", asked, alike)
    assert isolated.requests > LEAST_REQUESTS
