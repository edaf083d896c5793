"""Ray gives the bytes that this process gives, and a clear word where it is not installed."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from apps.ml.deployment.batch.on_ray import OnRay
from apps.ml.errors import BadInputError, ServiceUnavailableError

Write = Callable[[pd.DataFrame, str], Path]
QUIET = ("ignore::FutureWarning", "ignore::ResourceWarning", "ignore::DeprecationWarning")


def test_without_ray_the_extra_is_named(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInputError, match=r"pip install 'fairmind-ml\[distributed\]'"):
        score(write(people, "in.csv"), tmp_path / "out.csv", team=OnRay("local"))
    assert not (tmp_path / "out.csv.parts").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings(*QUIET)
def test_a_cluster_that_is_not_there_is_said(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_gcs_rpc_server_connect_timeout_s", "1")
    with pytest.raises(ServiceUnavailableError, match=r"Ray does not answer at nowhere://here"):
        score(write(people, "in.csv"), tmp_path / "out.csv", team=OnRay("nowhere://here"))


@pytest.mark.slow
@pytest.mark.filterwarnings(*QUIET)
def test_a_local_ray_goes_on_with_a_job_and_gives_the_same_bytes(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    source, target = write(people, "in.csv"), tmp_path / "out.parquet"
    score(source, tmp_path / "alone.parquet", chunk_rows=100)
    told: list[int] = []

    def stop(rows: int, _: float) -> None:
        told.append(rows)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(source, target, chunk_rows=100, tell=stop)
    finished = score(source, target, chunk_rows=100, team=OnRay("local", 2))
    import ray

    assert not ray.is_initialized()
    assert (finished.rows, finished.found_parts, finished.parts) == (500, 1, 5)
    assert target.read_bytes() == (tmp_path / "alone.parquet").read_bytes()
