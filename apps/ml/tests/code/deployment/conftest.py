"""A small real bundle, trained once, and real servers that are stopped when a test is over."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from apps.ml.data.processed import ColumnSchema, ProcessedSchema
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.server.application import Application
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.model_source import FolderSource, ModelSource
from apps.ml.features.specification import feature_specification
from apps.ml.features.transformer import FeatureTransformer
from apps.ml.models.bundle import BundleInfo, ModelBundle, read_bundle, write_bundle
from apps.ml.models.golden_rows import records
from apps.ml.models.training import TrainingRows, train
from apps.ml.parameters import FeatureEngineering, ModelTraining
from apps.ml.tests.protected_server import serving

TRAINING_ROWS = 200
ROWS = 300
THRESHOLD = 0.4
START_SECONDS = 120.0
COLUMNS = (
    ColumnSchema("age", "numeric", integer=True, nullable=False, minimum=18, maximum=90, description="Age in years."),
    ColumnSchema("monthly-income", "numeric", nullable=True),
    ColumnSchema("purpose", "categorical", nullable=True, categories=("car", "home", "school")),
    ColumnSchema("homeowner", "boolean", nullable=False),
)
Serve = Callable[..., Any]


def loan_rows(rows: int = ROWS, seed: int = 7) -> tuple[pd.DataFrame, np.ndarray[Any, np.dtype[np.int8]]]:
    """Return generated applications and labels that depend on age and income; some values are missing."""
    generator = np.random.default_rng(seed)
    age = generator.integers(18, 90, rows).astype(np.float64)
    income = np.round(generator.lognormal(8.0, 0.5, rows), 2)
    purpose = generator.choice(["car", "home", "school"], rows)
    owner = generator.integers(0, 2, rows).astype(np.float64)
    odds = 0.04 * (age - 50) + (income - 3000) / 1500 + owner - 0.5
    labels = (generator.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    income[generator.random(rows) < 0.1] = np.nan
    kept = pd.Series(purpose, dtype="str").where(generator.random(rows) >= 0.1)
    frame = pd.DataFrame({"age": age, "monthly-income": income, "purpose": kept, "homeowner": owner})
    return frame, labels


def train_bundle(estimator: str) -> tuple[ModelBundle, pd.DataFrame]:
    """Return a bundle that the real features and models made, and the rows that serve as golden ones."""
    frame, labels = loan_rows()
    schema = ProcessedSchema("toy_loans", "Toy loans", "default", COLUMNS, (), (), "positive", "repaid", "defaulted")
    specification = feature_specification(FeatureEngineering(), schema)
    transformer = FeatureTransformer(specification.to_dict())
    seen, held = slice(0, TRAINING_ROWS), slice(TRAINING_ROWS, ROWS)
    transformer.fit(frame[seen], labels[seen])
    X = transformer.transform(frame)
    parameters = ModelTraining.model_validate({"estimator": estimator, "seed": 1})
    trained = train(parameters, TrainingRows(X[seen], labels[seen]), TrainingRows(X[held], labels[held]))
    info = BundleInfo(
        dataset="toy_loans",
        title="Toy loans",
        estimator=estimator,
        threshold=THRESHOLD,
        threshold_rule="fixed",
        favourable="positive",
        positive_name="repaid",
        negative_name="defaulted",
        columns=COLUMNS,
        feature_names=tuple(str(name) for name in transformer.get_feature_names_out()),
        feature_sources=tuple(transformer.feature_sources_),
        uses_sensitive=False,
        rounds=trained.rounds,
        training_rows=TRAINING_ROWS,
    )
    return ModelBundle(info, transformer, trained.estimator), frame[held]


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a LightGBM bundle."""
    folder = tmp_path_factory.mktemp("bundles") / "lightgbm"
    bundle, golden = train_bundle("lightgbm")
    write_bundle(folder, bundle, golden)
    return folder


@pytest.fixture(scope="session")
def bundle(bundle_folder: Path) -> ModelBundle:
    """The same bundle, read apart from any server."""
    return read_bundle(bundle_folder)


@pytest.fixture(scope="session")
def rows() -> list[dict[str, Any]]:
    """Fifty rows as request records, JSON types throughout."""
    return as_instances(loan_rows(50, seed=11)[0])


def as_instances(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn typed rows into request records."""
    return [{**record, "homeowner": bool(record["homeowner"])} for record in records(frame, COLUMNS)]


def running(
    source: ModelSource, limits: Limits | None = None, options: Options | None = None
) -> AbstractContextManager[httpx.Client]:
    """Run the application of one source on a free port and yield a client of it."""
    return serving(Application([source], options or Options(limits=limits or Limits())))


def wait_until_finished(client: httpx.Client) -> dict[str, Any]:
    """Ask /readyz until loading has ended, and return what it says."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        answer: dict[str, Any] = client.get("/readyz").json()
        if answer["state"] != "loading":
            return answer
        time.sleep(0.02)
    raise TimeoutError("the server did not finish loading")


@pytest.fixture(scope="session")
def client(bundle_folder: Path) -> Iterator[httpx.Client]:
    """A client of one ready server that the tests share."""
    with running(FolderSource(bundle_folder)) as shared:
        assert wait_until_finished(shared)["ready"]
        yield shared
