"""The stage of tuning: the same inputs give the same files."""

from pathlib import Path

import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import DataError, ParameterError
from apps.ml.pipelines import model_tuning
from apps.ml.tests import small_pipeline
from apps.ml.tests.small_tuning import QUICK, write_section


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> ArtifactPaths:
    return small_pipeline.with_features(tmp_path_factory.mktemp("prepared"))


def test_the_stage_writes_the_same_files_twice(prepared: ArtifactPaths) -> None:
    write_section(prepared, QUICK)
    (prepared.processed / "test.parquet").unlink(missing_ok=True)
    contents = []
    for _ in range(2):
        model_tuning.main(prepared)
        contents.append({path.name: path.read_bytes() for path in prepared.tuning.iterdir()})
    assert contents[0] == contents[1]
    assert "study.json" in contents[0]
    assert not prepared.studies.exists()


def test_a_time_budget_is_refused(prepared: ArtifactPaths) -> None:
    write_section(prepared, QUICK | {"seconds": 5})
    with pytest.raises(ParameterError, match="5 seconds are another number of trials on another machine"):
        model_tuning.main(prepared)


def test_missing_features_are_told(tmp_path: Path) -> None:
    paths = small_pipeline.write_parameters(tmp_path)
    with pytest.raises(DataError, match="dvc repro"):
        model_tuning.main(paths)
