import hashlib
import subprocess
from pathlib import Path

import pytest

from apps.ml.experiments.provenance import Commit, commit_of, dvc_experiment, environment_of


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A Git repository with one commit: code, parameters, one report."""
    for name in ("code.py", "params.yaml", "reports/metric.json", "dvc.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-qm", "first")
    return tmp_path


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_clean_tree_is_its_commit(repository: Path) -> None:
    assert commit_of(repository) == Commit(_git(repository, "rev-parse", "HEAD"), dirty=False)


@pytest.mark.parametrize("name", ["reports/metric.json", "dvc.lock"])
def test_what_the_pipeline_writes_does_not_make_the_tree_dirty(name: str, repository: Path) -> None:
    (repository / name).write_text("2")
    assert not commit_of(repository).dirty


@pytest.mark.parametrize("name", ["code.py", "params.yaml", "new.py"])
def test_code_and_parameters_do(name: str, repository: Path) -> None:
    (repository / name).write_text("2")
    assert commit_of(repository).dirty


def test_outside_git_there_is_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == Commit("none", dirty=True)


def test_a_dvc_experiment_is_known_by_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    assert dvc_experiment() is None
    monkeypatch.setenv("DVC_EXP_NAME", "brisk-lamp")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "abc")
    found = dvc_experiment()
    assert found is not None
    assert (found.name, found.baseline) == ("brisk-lamp", "abc")


def test_the_environment_names_versions_and_the_lock_file(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("a==1")
    environment = environment_of(tmp_path)
    assert environment["requirements.lock"] == hashlib.sha256(b"a==1").hexdigest()
    assert {"python", "numpy", "mlflow", "scikit-learn"} <= set(environment)
