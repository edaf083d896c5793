"""Files of loan applications, and jobs on them, scored with the small bundle that all tests of the server share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from apps.ml.deployment.batch.file_scoring import Finished, score_file
from apps.ml.deployment.batch.job import Job
from apps.ml.deployment.batch.same_scorer import with_scorer
from apps.ml.deployment.batch.team import ThisProcess
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.tests.loan_files import applications

Score = Callable[..., Finished]


@pytest.fixture(scope="session")
def served(bundle_folder: Path) -> ServedModel:
    """The model as a server loads it."""
    return FolderSource(bundle_folder).load()


@pytest.fixture(scope="session")
def people() -> pd.DataFrame:
    """Applications with missing values and a category that training never saw, beside columns that no model takes."""
    return applications(500)


@pytest.fixture
def score(served: ServedModel) -> Score:
    """Score a file in this process, or by another team."""

    def run(source: Path, target: Path, **more: Any) -> Finished:
        how: dict[str, Any] = {"team": ThisProcess(), "start": "resume", "tell": None, "model": served, "scorer": None}
        how |= {name: more.pop(name) for name in list(more) if name in how}
        model = how["model"] if how["scorer"] is None else with_scorer(how["model"], how["scorer"])
        job = Job(source, target, **more)
        return score_file(job, model, ServingPolicy(), how["team"], how["start"], how["tell"])

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[pd.DataFrame, str], Path]:
    """Write a frame as CSV or Parquet, by the ending of a name."""

    def written(frame: pd.DataFrame, name: str) -> Path:
        path = tmp_path / name
        if name.endswith(".csv"):
            frame.to_csv(path, index=False)
        else:
            parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, row_group_size=70)
        return path

    return written
