import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from apps.ml.errors import BadInputError
from apps.ml.experiments.fingerprint import UPSTREAM, dvc_digest
from apps.ml.experiments.reproduction.clone import changed_files, clone_environment, cloned, prepare, stages_of
from apps.ml.experiments.reproduction.origin import Origin


def git(root: Path, *arguments: str) -> str:
    named = ("git", "-c", "user.name=T", "-c", "user.email=t@example.org", *arguments)
    return subprocess.run(named, cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def commit(root: Path, **files: str) -> str:
    for name, text in files.items():
        (root / name).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "step")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with code, parameters, an earlier result, and a later commit."""
    root = tmp_path / "a repository"
    (root / "reports").mkdir(parents=True)
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text("")
    (root / "reports" / "old.json").write_text("{}")
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"data_processing": {"cmd": "true"}}}))
    git(tmp_path, "init", "-q", str(root))
    commit(root, **{"code.py": "1", "params.yaml": "seed: 1\n", "dvc.lock": "stages: {}\n"})
    git(root, "tag", "first")
    commit(root, **{"code.py": "2"})
    return root


def origin_of(root: Path, dirty: bool = False, read: str = "1") -> Origin:
    """The origin of a run at the first commit whose first stage read code.py with the text `read`."""
    (root.parent / "read").write_text(read)
    deps = [{"path": "code.py", "md5": dvc_digest(root.parent / "read")}]
    stages: dict[str, Any] = {stage: {"deps": []} for stage in UPSTREAM}
    stages["data_processing"] = {"deps": deps, "outs": [{"path": "artifacts/01_processed", "md5": "0"}]}
    stages["model_training"] = {"deps": [{"path": "artifacts/01_processed", "md5": "0"}]}
    run = SimpleNamespace(info=SimpleNamespace(run_id="0" * 32))
    lock, pipeline = yaml.safe_dump({"stages": stages}), (root / "dvc.yaml").read_text()
    return Origin(run, git(root, "rev-parse", "first"), None, None, dirty, "seed: 7\n", pipeline, lock)


def test_the_clone_holds_the_commit_the_parameters_of_the_run_and_no_result(repository: Path) -> None:
    origin = origin_of(repository)
    with cloned(origin, repository, None) as folder:
        assert prepare(folder, origin) == []
        assert (folder / "code.py").read_text() == "1"
        assert (folder / "params.yaml").read_text() == "seed: 7\n"
        assert not (folder / "reports").exists()
        assert not (folder / "dvc.lock").exists()
        assert "dir = cache" in (folder / ".dvc" / "config.local").read_text()
        assert stages_of(folder) == ["data_processing"]
    assert not folder.exists()
    assert (repository / "reports" / "old.json").exists()
    assert git(repository, "status", "--porcelain") == ""


def test_a_clone_is_kept_where_it_was_asked_for_and_never_over_something(repository: Path, tmp_path: Path) -> None:
    with cloned(origin_of(repository), repository, tmp_path / "kept"):
        pass
    assert (tmp_path / "kept" / "code.py").exists()
    with (
        pytest.raises(BadInputError, match=r"is not empty. Name another folder"),
        cloned(origin_of(repository), repository, tmp_path / "kept"),
    ):
        pass


def test_a_commit_that_only_a_reference_of_an_experiment_holds_is_fetched(repository: Path) -> None:
    own = commit(repository, **{"code.py": "3"})
    git(repository, "update-ref", "refs/exps/ab/cd/brisk-lamp", own)
    git(repository, "reset", "-q", "--hard", "first")
    origin = replace(origin_of(repository), commit=own, git_ref="refs/exps/ab/cd/brisk-lamp")
    with cloned(origin, repository, None) as folder:
        assert (folder / "code.py").read_text() == "3"


def test_a_commit_that_the_repository_lacks_is_refused(repository: Path) -> None:
    origin = replace(origin_of(repository), commit="0" * 40)
    with (
        pytest.raises(BadInputError, match=r"does not hold the commit 0+. Run `git fetch"),
        cloned(origin, repository, None),
    ):
        pass


def prepared(repository: Path, origin: Origin) -> list[str]:
    with cloned(origin, repository, None) as folder:
        return prepare(folder, origin)


def test_changed_code_that_no_commit_holds_is_refused_by_name(repository: Path) -> None:
    with pytest.raises(BadInputError, match=r"changes that no commit holds: code\.py\. Commit them"):
        prepared(repository, origin_of(repository, dirty=True, read="changed by hand"))


def test_without_a_record_of_what_was_read_a_changed_tree_is_refused(repository: Path) -> None:
    with pytest.raises(BadInputError, match=r"it logged no dvc\.lock that would say which"):
        prepared(repository, replace(origin_of(repository, dirty=True), lock=None))


def test_changed_parameters_alone_are_restored_with_a_warning(repository: Path) -> None:
    (warning,) = prepared(repository, origin_of(repository, dirty=True))
    assert "they were in params.yaml, which is restored from the run" in warning
    (warning,) = prepared(repository, replace(origin_of(repository, dirty=True), parameters="seed: 1\n"))
    assert "in files that no stage of the first four reads" in warning


def test_a_commit_that_came_to_hold_other_code_of_the_same_run_is_told(repository: Path) -> None:
    (warning,) = prepared(repository, origin_of(repository, read="without a remark"))
    assert warning == "since the run, the commit that it names came to hold other bytes of code.py"


def test_another_pipeline_counts_as_changed_code(repository: Path) -> None:
    with cloned(origin_of(repository), repository, None) as folder:
        assert changed_files(folder, origin_of(repository)) == []
        assert changed_files(folder, replace(origin_of(repository), pipeline="stages: {}")) == ["dvc.yaml"]


def test_nothing_of_the_environment_leads_back_to_the_repository(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI", "GIT_DIR", "PYTHONPATH"):
        monkeypatch.setenv(name, str(repository))
    monkeypatch.setenv("FAIRMIND_DATA_DIR", "data")
    found = clone_environment(Path("/clone"), repository)
    assert "DVC_ROOT" not in found
    assert "DVC_EXP_NAME" not in found
    assert "GIT_DIR" not in found
    assert found["MLFLOW_TRACKING_URI"] == "sqlite:////clone/mlflow.db"
    assert found["PYTHONPATH"] == "/clone"
    assert found["FAIRMIND_DATA_DIR"] == str(repository / "data")
    monkeypatch.delenv("FAIRMIND_DATA_DIR")
    assert clone_environment(Path("/clone"), repository)["FAIRMIND_DATA_DIR"] == str(repository)
