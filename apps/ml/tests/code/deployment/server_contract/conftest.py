"""Real servers of real bundles, and rows that hold what is easily lost on the way."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, ColumnSchema
from apps.ml.deployment.server.application import Application
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.schema import upgrade
from apps.ml.tests.code.deployment.conftest import COLUMNS, loan_rows
from apps.ml.tests.code.deployment.protocols.conftest import GivenSource
from apps.ml.tests.code.deployment.scorers.small_bundles import held_out, mitigated, stored_bundle
from apps.ml.tests.protected_server import serving, until

MANY_ROWS = 10_000
SOME_ROWS = 500
UNSEEN = ("a boat", "Häuschen, «klein»", 'two\nlines and a "quote"', "CAR", "🛶")
PERMISSIVE = ServingPolicy(allow_sensitive=True, allow_chance=True)
KINDS: dict[str, tuple[Any, ...]] = {
    "boosted trees": ("xgboost", CLASSIFICATION, {}),
    "a line": ("logistic_regression", CLASSIFICATION, {}),
    "a forest": ("random_forest", CLASSIFICATION, {}),
    "adjusted by group and draw": ("lightgbm", CLASSIFICATION, mitigated("threshold_optimizer")),
    "adjusted blindly": ("lightgbm", CLASSIFICATION, mitigated("blind_post_processing")),
    "numbers": ("lightgbm", REGRESSION, {}),
}
ModelOf = Callable[[str], ServedModel]


@contextmanager
def serving_models(models: Sequence[ServedModel], options: Options | None = None) -> Iterator[httpx.Client]:
    """Run a real server of models and yield a client of it once they answer."""
    with serving(Application([GivenSource(model) for model in models], options)) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        yield client


def with_odd_values(frame: pd.DataFrame, columns: Sequence[ColumnSchema], seed: int = 3) -> pd.DataFrame:
    """Return the rows with missing values, never-seen categories, and numbers that are long, tiny, huge or negative."""
    generator, odd = np.random.default_rng(seed), frame.copy()
    numbers = [2000.0000000000002, 1e-300, -0.0, -17.25, 1e15 + 0.5, 1 / 3, 9_007_199_254_740_991.0]
    for column in columns:
        picked = generator.random(len(frame)) < 0.05
        if column.kind == "categorical":
            unseen = pd.Series(generator.choice(UNSEEN, len(frame)), dtype="str")
            odd[column.name] = odd[column.name].astype("str").mask(picked, unseen)
        elif column.kind == "numeric":
            drawn = generator.choice(numbers, len(frame))
            odd[column.name] = odd[column.name].mask(picked, np.trunc(drawn) if column.integer else drawn)
        if column.nullable:
            odd[column.name] = odd[column.name].mask(generator.random(len(frame)) < 0.05)
    return odd


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A migrated database of its own."""
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('database') / 'fairmind.db'}", create=True)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def many_loans() -> pd.DataFrame:
    """Ten thousand rows of the shared bundle's columns."""
    return with_odd_values(loan_rows(MANY_ROWS, seed=23)[0], COLUMNS)


@pytest.fixture(scope="session")
def model_of(tmp_path_factory: pytest.TempPathFactory) -> ModelOf:
    """Return what loads a model of one of :data:`KINDS` as the server does; each is trained once."""
    known: dict[str, ServedModel] = {}

    def model(kind: str) -> ServedModel:
        if kind not in known:
            folder = tmp_path_factory.mktemp("kinds") / "bundle"
            estimator, task, more = KINDS[kind]
            stored_bundle(folder, estimator, task, **more)
            known[kind] = FolderSource(folder, PERMISSIVE).load()
        return known[kind]

    return model


def some_rows(model: ServedModel) -> pd.DataFrame:
    """Return five hundred rows that a model of :data:`KINDS` has not seen."""
    rows = held_out(model.bundle, SOME_ROWS // 2)
    return with_odd_values(pd.concat([rows, rows.iloc[::-1]], ignore_index=True), model.bundle.info.columns)
