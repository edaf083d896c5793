"""A past answer is scored again by its own version: the same number, or said plainly why not."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine

from apps.ml.deployment.replay import replay
from apps.ml.errors import BadInputError, BundleError
from apps.ml.models.bundle import write_bundle
from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.erasing import erase_prediction
from apps.ml.prediction_log.identifiers import new_call, prediction_ids
from apps.ml.prediction_log.schema import upgrade
from apps.ml.tests.code.deployment.conftest import train_bundle
from apps.ml.tests.code.deployment.logged_answers import log_answers


@pytest.fixture
def folder(bundle_folder: Path, tmp_path: Path) -> Path:
    """A copy of the bundle, to be served from."""
    return Path(shutil.copytree(bundle_folder, tmp_path / "served"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path}/log.db", create=True)
    upgrade(opened)
    yield opened
    opened.dispose()


def test_every_logged_answer_comes_out_again(
    engine: Engine, tmp_path: Path, folder: Path, rows: list[dict[str, Any]]
) -> None:
    for name in log_answers(engine, tmp_path / "journal", folder, rows)[:5]:
        done = replay(engine, name)
        assert done.same
        assert abs(done.difference) < 1e-9
        assert (done.id, done.model, done.decision) == (name, "toy_loans", done.logged_decision)


def test_another_number_is_told(engine: Engine, tmp_path: Path, folder: Path, rows: list[dict[str, Any]]) -> None:
    name = log_answers(engine, tmp_path / "journal", folder, rows[:1], shift=1e-6)[0]
    done = replay(engine, name)
    assert not done.same
    assert done.difference == pytest.approx(-1e-6)


def test_another_bundle_at_the_address_is_refused(
    engine: Engine, tmp_path: Path, folder: Path, rows: list[dict[str, Any]]
) -> None:
    name = log_answers(engine, tmp_path / "journal", folder, rows[:1])[0]
    shutil.rmtree(folder)
    bundle, golden = train_bundle("logistic_regression")
    assert isinstance(golden, pd.DataFrame)
    write_bundle(folder, bundle, golden)
    with pytest.raises(BundleError, match="now holds another bundle"):
        replay(engine, name)


def test_what_is_not_there_or_erased_cannot_be_replayed(
    engine: Engine, tmp_path: Path, folder: Path, rows: list[dict[str, Any]]
) -> None:
    name, other = log_answers(engine, tmp_path / "journal", folder, rows[:2])
    erase_prediction(engine, name)
    with pytest.raises(BadInputError, match="was erased"):
        replay(engine, name)
    assert replay(engine, other).same
    with pytest.raises(BadInputError, match="does not hold this prediction"):
        replay(engine, prediction_ids(new_call(), 1)[0])
    with pytest.raises(BadInputError, match="not the id of a prediction"):
        replay(engine, "x")
