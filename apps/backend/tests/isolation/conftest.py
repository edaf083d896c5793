"""Three organisations over each database: one that has everything, and two alike that ask for it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.backend.identity.caller import Role
from apps.backend.tests.contract.one_of_everything import Everything, make_one_of_everything
from apps.backend.tests.contract.surroundings import OWN_MODEL, SHARED_MODEL, Whole, running_whole
from apps.backend.tests.isolation.asking_everything import Asked, Operation, operations_of
from apps.backend.tests.isolation.strangers_names import Names, masked, names_of, nowhere_like
from apps.backend.tests.isolation.what_is_stored import stored, texts

REQUEST_ID = "isolation"
JOBS = ("outcomes", "promotions", "governance", "left files of data sets", "remove expired sessions")
"""Those that work on everybody's rows; refused attempts to sign in are written into the owner's log on purpose."""

HEADERS = ("location", "etag", "content-type", "content-disposition", "retry-after", "www-authenticate")

Requests = Callable[[Operation, Names, Everything], Iterable[Asked]]


@dataclass
class Isolated:
    """`owner` has everything; `asker` asks with the owner's names and `twin`, of whom the same is stored, with names
    that exist nowhere. `told`: texts of the owner's rows that no answer to others may hold."""

    whole: Whole
    owner: Everything
    asker: Everything
    twin: Everything
    names: Names
    nowhere: Names
    operations: list[Operation]
    told: set[str] = field(default_factory=set)
    requests: int = 0

    def pairs(self, requests: Requests) -> Iterator[tuple[Asked, Asked]]:
        """Yield each request of the asker beside that of the twin, of every operation."""
        for operation in self.operations:
            mine = requests(operation, self.names, self.asker)
            yield from zip(mine, requests(operation, self.nowhere, self.twin), strict=True)

    def ask(self, role: Role, asked: Asked, alike: Asked) -> httpx.Response:
        """Let the asker and the twin ask, hold their answers against each other, and return the asker's."""
        mine = self.answer_to(self.asker, role, asked)
        other = self.answer_to(self.twin, role, alike)
        where = f"{role}: {asked.operation.method} {asked.path} {asked.query} {asked.content}"
        assert mine.status_code < 500, f"{where}: {mine.text}"
        assert mine.status_code == other.status_code, f"{where}: {mine.text} against {other.text}"
        if asked.operation.id != "metrics":
            shown = _shown(mine, self.names, self.asker)
            assert shown == _shown(other, self.nowhere, self.twin), where
        self._require_silence(mine, asked, where)
        return mine

    def answer_to(self, of: Everything, role: Role, asked: Asked) -> httpx.Response:
        """Send a request of an organisation."""
        self.requests += 1
        self.whole.services.reset_registry()
        headers = {**asked.headers, "X-Request-ID": REQUEST_ID}
        return of.clients[role].request(
            asked.operation.method, asked.path, params=list(asked.query), headers=headers, **asked.content
        )

    def _require_silence(self, answer: httpx.Response, asked: Asked, where: str) -> None:
        """Refuse an answer that holds a text of the owner's which the asker never sent."""
        body = answer.text + str(answer.headers)
        held = {text for text in self.told if text in body}
        if held:
            held -= {text for text in held if text in f"{asked.path} {asked.query} {asked.content}"}
        if held:
            held -= texts(self.whole.product, self.asker.organisation.id)
        assert not held, f"{where} tells {held}"


def _shown(answer: httpx.Response, strange: Names, own: Everything) -> str:
    headers = [(name, answer.headers[name]) for name in HEADERS if name in answer.headers]
    return masked(f"{headers}\n{answer.text}", strange, own)


@pytest.fixture(scope="module")
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Isolated]:
    """The organisations. Tests that do more in one of them than in its twin stand in a module of their own."""
    with running_isolated(tmp_path_factory.mktemp("isolation")) as found:
        yield found


@contextmanager
def running_isolated(folder: Path, **changes: Any) -> Iterator[Isolated]:
    """Run a backend with the organisations; `changes`: of its settings."""
    with running_whole(folder, **changes) as whole:
        yield _made(whole)


def _made(whole: Whole) -> Isolated:
    product = whole.product
    both = (SHARED_MODEL, OWN_MODEL)
    owner = make_one_of_everything(whole, product.organisation("Bank zanzibar", both), "zanzibar1", OWN_MODEL)
    # Beside its own model it has everything about the shared one too, in which nothing but the organisation differs.
    shared = make_one_of_everything(whole, owner.organisation, "zanzibar2", SHARED_MODEL)
    asker, twin = (
        make_one_of_everything(whole, product.organisation(f"Bank {word}", (SHARED_MODEL,)), word, SHARED_MODEL)
        for word in ("betaville", "gammatown")
    )
    whole.do_jobs(*(job.name for job in whole.jobs))
    decision = owner.clients["viewer"].get(f"/api/v1/decisions/{owner.names['decision'][0]}").json()
    names = names_of(owner, shared, decision["prediction_id"])
    interface = product.get("/openapi.json").json()
    found = Isolated(whole, owner, asker, twin, names, nowhere_like(names), operations_of(interface))
    found.told = texts(product, owner.organisation.id)
    for each in (asker, twin):
        found.told -= texts(product, each.organisation.id)
    assert stored(product, owner.organisation.id)
    return found
