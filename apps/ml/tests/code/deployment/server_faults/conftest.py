"""Rows, what versions say of them, and where the log of a server lies."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from apps.ml.deployment.scorers.scorer import Value
from apps.ml.features.request_frame import frame_from_records
from apps.ml.models.bundle import ModelBundle


def scores_of(bundle: ModelBundle, rows: Sequence[dict[str, Value]]) -> list[float]:
    """Return the scores of request records, by a bundle that no server read."""
    scores: list[float] = bundle.score(frame_from_records(rows, bundle.info.columns)).tolist()
    return scores


@pytest.fixture(scope="session")
def folder_scores(bundle: ModelBundle, rows: list[dict[str, Any]]) -> dict[str | None, list[float]]:
    """What a server of the bundle's folder, which has no version, says of `rows`."""
    return {None: scores_of(bundle, rows)}


def log_of(home: Path) -> str:
    """Return the address of the database that a server with this home writes, unless it is told another one."""
    return f"sqlite:///{home / 'log.db'}"
