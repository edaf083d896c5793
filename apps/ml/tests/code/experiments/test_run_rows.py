import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_split
from apps.ml.errors import BadInputError, DataError
from apps.ml.experiments.dvc_cache import DvcCache, open_cache
from apps.ml.experiments.run_rows import CACHE, SCORED_AGAIN, WORKSPACE, rows_of_run
from apps.ml.experiments.runs import latest_runs
from apps.ml.experiments.tracking import TrackingStore, open_store
from apps.ml.models.bundle import read_bundle
from apps.ml.pipelines import model_registration
from apps.ml.tests.answered_rows import write_answers
from apps.ml.tests.code.experiments.test_dvc_cache import keep, repository

NO_CACHE = DvcCache(None)
Published = tuple[TrackingStore, Any]


@pytest.fixture
def published(finished: ArtifactPaths) -> Published:
    """A run whose predictions lie in the workspace."""
    write_answers(finished)
    model_registration.main(finished)
    store = open_store()
    return store, latest_runs(store)[0]


def test_the_workspace_is_read_where_it_holds_the_predictions_of_the_run(
    published: Published, finished: ArtifactPaths
) -> None:
    found = rows_of_run(*published, finished, NO_CACHE)
    assert found.source == WORKSPACE
    assert found.answers.rows.tolist() == read_split(finished.processed, "test").rows.tolist()


def test_the_cache_holds_what_the_workspace_has_lost(
    published: Published, finished: ArtifactPaths, tmp_path: Path
) -> None:
    root = repository(tmp_path / "cached")
    expected = rows_of_run(*published, finished, NO_CACHE).answers.scores
    keep(root, finished.predictions)
    shutil.rmtree(finished.predictions)
    found = rows_of_run(*published, finished, open_cache(root))
    assert found.source == CACHE
    assert np.array_equal(found.answers.scores, expected)


def test_the_logged_model_scores_the_rows_again_where_the_predictions_are_gone(
    published: Published, finished: ArtifactPaths, tmp_path: Path
) -> None:
    shutil.rmtree(finished.predictions)
    bundle, split = read_bundle(finished.bundle), read_split(finished.processed, "test")
    expected = bundle.score(split.inputs(bundle.info.columns))
    found = rows_of_run(*published, finished, NO_CACHE)
    assert found.source == SCORED_AGAIN
    assert np.array_equal(found.answers.scores, expected)
    root = repository(tmp_path / "cached")
    keep(root, finished.processed)
    shutil.rmtree(finished.processed)
    assert np.array_equal(rows_of_run(*published, finished, open_cache(root)).answers.scores, expected)


def test_other_rows_in_the_workspace_are_not_taken_for_those_of_the_run(
    published: Published, finished: ArtifactPaths
) -> None:
    write_answers(finished, knowledge=0.9)
    assert rows_of_run(*published, finished, NO_CACHE).source == SCORED_AGAIN
    (finished.processed / "test.parquet").write_text("other rows")
    with pytest.raises(BadInputError, match=r"neither the workspace nor DVC's cache holds .* Run `dvc pull`"):
        rows_of_run(*published, finished, NO_CACHE)


def test_a_file_that_is_no_table_is_refused(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    store = open_store()
    with pytest.raises(DataError, match=r"is no table of predictions"):
        rows_of_run(store, latest_runs(store)[0], finished, NO_CACHE)
