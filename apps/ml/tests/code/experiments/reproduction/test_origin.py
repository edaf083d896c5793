import subprocess
from pathlib import Path

import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import BadInputError
from apps.ml.experiments import tags
from apps.ml.experiments.reproduction.origin import find_origin
from apps.ml.experiments.runs import latest_runs
from apps.ml.experiments.tracking import open_store
from apps.ml.pipelines import model_registration
from apps.ml.tests import finished_pipeline

HERE = Path()


def git(*arguments: str) -> str:
    named = ("git", "-c", "user.name=T", "-c", "user.email=t@example.org", *arguments)
    return subprocess.run(named, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def committed(finished: ArtifactPaths) -> str:
    """The commit of a repository that holds the finished pipeline, which is the current directory."""
    (finished.root / ".gitignore").write_text("/artifacts/\n/mlflow.db*\n/mlartifacts/\n")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    return git("rev-parse", "HEAD")


def test_a_clean_run_is_made_from_its_commit_and_its_parameters(committed: str, finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    origin = find_origin(open_store(), f"{finished_pipeline.MODEL}@champion", HERE)
    assert (origin.commit, origin.dirty, origin.experiment) == (committed, False, None)
    assert origin.parameters == finished.parameters.read_text()
    assert (origin.pipeline, origin.lock) == (None, None)


def test_an_experiment_is_made_from_its_own_commit_while_git_keeps_it(
    committed: str, finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_pipeline.experiment(finished, monkeypatch, "brisk-lamp", 0.81, seed=6)
    store = open_store()
    run_id = latest_runs(store)[0].info.run_id
    gone = find_origin(store, "brisk-lamp", HERE)
    assert (gone.commit, gone.dirty, gone.experiment) == (committed, True, None)
    git("commit", "-qam", "as DVC keeps it")
    own = git("rev-parse", "HEAD")
    git("update-ref", f"refs/exps/bb/{'b' * 38}/brisk-lamp", own)
    for reference in ("brisk-lamp", run_id):
        origin = find_origin(store, reference, HERE)
        assert (origin.commit, origin.dirty, origin.experiment) == (own, False, "brisk-lamp")
        assert "seed: 6" in origin.parameters


def test_a_run_outside_git_has_no_origin(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    run_id = latest_runs(open_store())[0].info.run_id
    with pytest.raises(BadInputError, match="was published outside Git"):
        find_origin(open_store(), run_id, HERE)


def test_a_run_that_logged_no_parameters_has_no_origin(committed: str, finished: ArtifactPaths) -> None:
    store = open_store()
    experiment_id = store.experiment_id(finished_pipeline.MODEL)
    run_id = store.client.create_run(experiment_id, tags={tags.COMPLETE: "true", tags.COMMIT: committed}).info.run_id
    store.client.set_terminated(run_id)
    with pytest.raises(BadInputError, match=r"logged no params\.yaml"):
        find_origin(store, run_id, HERE)
