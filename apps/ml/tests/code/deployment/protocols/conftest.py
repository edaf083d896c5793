"""A server of three versions that speaks all protocols, and the answers that their bundles give themselves.

Three versions: the shared LightGBM bundle, a model of numeric columns alone, and one that predicts a number.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from fastapi import FastAPI

from apps.ml.data.processed import REGRESSION
from apps.ml.deployment.answering.call_log import NoLog
from apps.ml.deployment.answering.desk import Desk
from apps.ml.deployment.protocols.error_shapes import reshaped
from apps.ml.deployment.protocols.routes import protocol_routes
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import install_refusals
from apps.ml.deployment.scorers.bundle_scorer import BundleScorer
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.features.request_frame import frame_from_records
from apps.ml.models.bundle import Answers, ModelBundle
from apps.ml.tests.code.deployment.conftest import START_SECONDS
from apps.ml.tests.protected_server import serving

NUMBERS_ONLY = "toy_numbers"
AMOUNTS = "toy_amounts"
EVIDENCE = "e" * 64
FEW = Limits(instances=60, body_bytes=200_000)
"""Small limits, so that what exceeds them is cheap."""


@dataclass(frozen=True)
class GivenSource:
    """A version that is there already."""

    model: ServedModel

    @property
    def address(self) -> str:
        """Where the version could be loaded from."""
        return self.model.address

    def load(self) -> ServedModel:
        """Return the version."""
        return self.model


@dataclass(frozen=True)
class Peer:
    """A running server: an HTTP client of it, and its versions by name."""

    http: httpx.Client
    models: dict[str, ServedModel]

    @property
    def address(self) -> str:
        """`http://host:port`."""
        return str(self.http.base_url).rstrip("/")

    def answers(self, records: list[dict[str, Any]], model: str = "toy_loans") -> Answers:
        """Return what the bundle itself says of records."""
        bundle = self.models[model].bundle
        return bundle.answers(frame_from_records(records, bundle.info.columns))

    def scores(self, records: list[dict[str, Any]], model: str = "toy_loans") -> list[float]:
        """Return the scores alone."""
        scores: list[float] = self.answers(records, model).scores.tolist()
        return scores


def peer_app(shelf: Shelf, limits: Limits) -> FastAPI:
    """Return an application of nothing but the protocols."""
    app = FastAPI()
    app.include_router(protocol_routes(Desk(shelf, NoLog()), shelf, limits))
    install_refusals(app, reshaped)
    return app


@pytest.fixture(scope="session")
def versions(bundle_folder: Path) -> dict[str, ServedModel]:
    """The three versions by name; each is scored by its bundle itself, so that numbers can be compared bit for bit."""
    loans = FolderSource(bundle_folder).load()
    loans = replace(loans, scorer=BundleScorer(loans.bundle))
    filled = _OfNumbers(loans.bundle)
    numbers = replace(
        loans, name=NUMBERS_ONLY, version="3", alias="champion", evidence=EVIDENCE, bundle=filled.bundle, scorer=filled
    )
    predicting = replace(loans.bundle, info=replace(loans.bundle.info, **_PREDICTS_A_NUMBER))
    amounts = replace(loans, name=AMOUNTS, version="7", bundle=predicting, scorer=BundleScorer(predicting))
    return {model.name: model for model in (loans, numbers, amounts)}


_PREDICTS_A_NUMBER: dict[str, Any] = {"task": REGRESSION, "threshold": None, "threshold_rule": ""}


class _FilledTransformer:
    """The transformer of the shared bundle behind columns of numbers alone: the category is always `car`."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def transform(self, frame: pd.DataFrame) -> Any:
        """Encode the frame with the category put back."""
        filled = frame.copy()
        filled.insert(2, "purpose", pd.Series(["car"] * len(frame), dtype="str"))
        return self._inner.transform(filled)


class _OfNumbers(BundleScorer):
    """A bundle of the shared columns without the category, and its scorer."""

    def __init__(self, bundle: ModelBundle) -> None:
        columns = tuple(column for column in bundle.info.columns if column.kind != "categorical")
        self.bundle = replace(
            bundle, info=replace(bundle.info, columns=columns), transformer=_FilledTransformer(bundle.transformer)
        )
        super().__init__(self.bundle)


@pytest.fixture(scope="session")
def peer(versions: dict[str, ServedModel]) -> Iterator[Peer]:
    """The server that tests of all protocols share."""
    shelf, finished = Shelf([GivenSource(model) for model in versions.values()]), threading.Event()
    shelf.fill_in_background(lambda _: finished.set())
    assert finished.wait(START_SECONDS)
    assert shelf.state == "ready"
    with serving(peer_app(shelf, FEW)) as client:
        yield Peer(client, versions)


@pytest.fixture(scope="session")
def records(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Request records that hold what is easily lost: missing values, unseen and foreign categories, long numbers."""
    odd: list[dict[str, Any]] = [
        {"age": 40, "monthly-income": None, "purpose": None, "homeowner": True},
        {"age": 41, "monthly-income": 2000.0000000000002, "purpose": "a boat", "homeowner": False},
        {"age": 42, "monthly-income": 1e-3, "purpose": "Häuschen, «klein»\n", "homeowner": False},
        {"age": 43, "monthly-income": 1234567890.125, "purpose": "car", "homeowner": True},
    ]
    return [*odd, *rows[:20]]


def of_numbers(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return records without the category."""
    return [{name: value for name, value in record.items() if name != "purpose"} for record in records]
