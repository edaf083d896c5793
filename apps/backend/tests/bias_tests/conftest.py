"""A backend over a scripted evidence service, and an organisation in it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from apps.backend.tests.bias_tests.scripted_evidence import ScriptedEvidence, running_evidence
from apps.backend.tests.product import Organisation, Product, running_backend, small_settings

API = "/api/v1/bias-v2"
UPLOAD_BYTES = 1 << 20
TABLE = b"sex,approved,repaid\n" + b"a,1,1\nb,0,1\na,0,0\n" * 10


@dataclass
class Bench:
    """A running backend, its evidence service, and one organisation with a client of each kind."""

    product: Product
    evidence: ScriptedEvidence
    organisation: Organisation
    analyst: httpx.Client
    viewer: httpx.Client
    datasets: list[str] = field(default_factory=list)

    def upload(self, content: bytes = TABLE, **more: Any) -> httpx.Response:
        """Send a file."""
        return self.analyst.post(f"{API}/upload-dataset", files={"file": ("table.csv", content)}, **more)

    def dataset(self) -> str:
        """Return the id of a data set, the same every time."""
        if not self.datasets:
            self.datasets.append(self.upload().json()["dataset_id"])
        return self.datasets[0]

    def detect(self, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
        """Ask for a test."""
        body = {
            "model_id": "loans",
            "dataset_id": self.dataset(),
            "protected_attribute": "sex",
            "prediction_column": "approved",
            "ground_truth_column": "repaid",
            "positive_label": 1,
        }
        return self.analyst.post(f"{API}/detect", json=body | changes, headers=headers)

    def files(self) -> list[str]:
        """Return the names of the files of the organisation's data sets."""
        state = self.product.parts.settings.state
        return sorted(path.name for path in state.glob(f"datasets/{self.organisation.id}/*"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, ScriptedEvidence]]:
    """The backend and the service, for a module."""
    with running_evidence() as evidence:
        settings = small_settings(
            tmp_path_factory.mktemp("backend"), evidence=evidence.address, upload_bytes=UPLOAD_BYTES
        )
        # No job takes away the files that a test puts there, or beside it.
        with running_backend(settings, lambda parts: parts.background.jobs.clear()) as product:
            yield product, evidence


@pytest.fixture
def bench(running: tuple[Product, ScriptedEvidence], request: pytest.FixtureRequest) -> Bench:
    """An organisation of its own for each test, and a service without memory."""
    product, evidence = running
    evidence.forget()
    organisation = product.organisation(request.node.name[:200])
    return Bench(product, evidence, organisation, organisation.client("analyst"), organisation.client("viewer"))
