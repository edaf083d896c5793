"""Rows and what versions say of them, and a registry with good and bad versions of its own."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from apps.ml.features.request_frame import frame_from_records
from apps.ml.models.bundle import ModelBundle, write_bundle
from apps.ml.tests.code.deployment.conftest import train_bundle
from apps.ml.tests.code.deployment.versions.published import BAD, Registry, new_registry

GOOD = {"first": "lightgbm", "second": "logistic_regression", "third": "naive_bayes", "fourth": "linear_svm"}
"""Word by which tests know a version → its estimator. More than a server keeps in memory: most swaps load anew."""

Scores = dict[str | None, list[float]]


def scores_of(bundle: ModelBundle, rows: Sequence[dict[str, Any]]) -> list[float]:
    """Return the scores of request records, by a bundle that no server read."""
    scores: list[float] = bundle.score(frame_from_records(rows, bundle.info.columns)).tolist()
    return scores


@pytest.fixture(scope="session")
def folder_scores(bundle: ModelBundle, rows: list[dict[str, Any]]) -> Scores:
    """What a server of the bundle's folder, which has no version, says of `rows`."""
    return {None: scores_of(bundle, rows)}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[ModelBundle, Path]]:
    """The good versions: word → bundle and its folder."""
    root, found = tmp_path_factory.mktemp("good"), {}
    for word, estimator in GOOD.items():
        bundle, golden = train_bundle(estimator)
        write_bundle(root / word, bundle, golden)
        found[word] = (bundle, root / word)
    return found


@pytest.fixture(scope="session")
def registry(trained: dict[str, tuple[ModelBundle, Path]], tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry; an alias in it belongs to the test that sets it."""
    made = new_registry(tmp_path_factory.mktemp("registry"))
    for word, (_, folder) in trained.items():
        made.publish(word, folder)
    for word, (harm, _) in BAD.items():
        bundle = Path(shutil.copytree(trained["first"][1], tmp_path_factory.mktemp("bad") / "bundle"))
        harm(bundle)
        made.publish(word, bundle)
    return made


@pytest.fixture(scope="session")
def version_scores(
    registry: Registry, trained: dict[str, tuple[ModelBundle, Path]], rows: list[dict[str, Any]]
) -> Scores:
    """Number of each good version → what it says of `rows`."""
    return {registry.versions[word]: scores_of(bundle, rows) for word, (bundle, _) in trained.items()}


Environment = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def following(registry: Registry) -> Environment:
    """Variables of a server that follows the registry quickly, and others that are given."""

    def variables(**more: str) -> dict[str, str]:
        return {"MLFLOW_TRACKING_URI": registry.address, "FAIRMIND_REFRESH_SECONDS": "0.1", **more}

    return variables


def log_of(home: Path) -> str:
    """Return the address of the database that a server with this home writes, unless it is told another one."""
    return f"sqlite:///{home / 'log.db'}"
