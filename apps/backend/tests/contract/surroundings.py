"""The whole product for tests of all routes at once: the backend, and a scripted one of every service that it asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from apps.backend.background import Job
from apps.backend.identity.attempts import Attempts, Bound
from apps.backend.parts import Parts
from apps.backend.tests.bias_tests.scripted_evidence import ScriptedEvidence
from apps.backend.tests.decisions.model_server import ModelServer, described, model_server
from apps.backend.tests.governance.scripted_store import TOKEN, ScriptedStore, running_store
from apps.backend.tests.models.scripted_registry import PREFIX, ScriptedRegistry, refusal, running_app
from apps.backend.tests.product import Product, running_backend, small_settings
from apps.backend.upstreams.breaker import CircuitBreaker

OFTEN = 10**9
SHARED_MODEL, OWN_MODEL = "loans", "pensions"
"""Both are in the registry and served; an organisation sees those that were granted to it."""


@dataclass
class Surroundings:
    """The services that the backend asks. The evidence service is two scripts behind one address, told by the path."""

    model_server: ModelServer
    store: ScriptedStore
    registry: ScriptedRegistry = field(default_factory=ScriptedRegistry)
    audits: ScriptedEvidence = field(default_factory=ScriptedEvidence)
    address: str = ""

    def reset(self) -> None:
        """Let every service answer well, and forget what it was asked."""
        self.model_server.reset()
        self.model_server.models = [described(), described(name=OWN_MODEL)]
        self.model_server.takes_anything = True
        self.reset_registry()
        self.audits.forget()
        self.store.reset()

    def reset_registry(self) -> None:
        """Put every champion back: promotions of one test are nothing to another."""
        self.registry.reset()
        self.registry.versions[OWN_MODEL] = list(self.registry.versions[SHARED_MODEL])
        self.registry.champions[OWN_MODEL] = ["1"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to the evidence service."""
        path = scope.get("path", "")
        if path.startswith(PREFIX) and path.endswith("/comparison") and not self._compares_what_is_there(scope):
            await refusal(404, "unknown_version")(scope, receive, send)
        else:
            await (self.registry if path.startswith(PREFIX) else self.audits)(scope, receive, send)

    def _compares_what_is_there(self, scope: Scope) -> bool:
        model = scope["path"].removeprefix(PREFIX).split("/")[1]
        there = {version.number for version in self.registry.versions.get(model, [])}
        return set(QueryParams(scope["query_string"]).getlist("version")) <= there


@contextmanager
def running_surroundings() -> Iterator[Surroundings]:
    """Run the services."""
    with model_server() as models, running_store() as store:
        services = Surroundings(models, store)
        services.reset()
        with running_app(services) as services.address:
            yield services


@dataclass
class Whole:
    """A running backend among its services. `jobs`: its background jobs, which run when a test says so."""

    product: Product
    services: Surroundings
    jobs: list[Job]

    def do_jobs(self, *names: str) -> None:
        """Do the work of the jobs of these names now, in the server's event loop."""
        for job in self.jobs:
            if job.name in names:
                self.product.run(_done(job))


@contextmanager
def running_whole(folder: Path, **changes: Any) -> Iterator[Whole]:
    """Run everything; nothing is refused for being asked often, and no job runs by itself."""
    jobs: list[Job] = []

    def change(parts: Parts) -> None:
        parts.attempts = Attempts(Bound(OFTEN, 1.0), Bound(OFTEN, 1.0))
        parts.model_server.breaker = CircuitBreaker(failures=OFTEN)
        parts.evidence.breaker = CircuitBreaker(failures=OFTEN)
        jobs.extend(parts.background.jobs)
        parts.background.jobs.clear()

    with running_surroundings() as services:
        usual: dict[str, Any] = {
            "model_server": services.model_server.address,
            "evidence": services.address,
            "governance": services.store.address,
            "governance_token": TOKEN,
            "requests_per_minute": OFTEN,
            "unknown_per_minute": OFTEN,
        }
        settings = small_settings(folder, **usual | changes)
        with running_backend(settings, change) as product:
            yield Whole(product, services, jobs)


async def _done(job: Job) -> None:
    await job.work()
