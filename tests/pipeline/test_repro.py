"""`dvc repro` in a real repository: what runs, what does not, and what is the same on two machines."""

import shutil
from pathlib import Path

import pytest
import yaml

from apps.ml.artifact_paths import METRICS, STAGES
from tests.workspace import Workspace

pytestmark = pytest.mark.pipeline


def test_every_stage_leaves_its_report(reproduced: Workspace) -> None:
    for name in METRICS:
        assert (reproduced.root / f"reports/metrics/{name}.json").exists()
    for path in ("reports/report.html", "reports/model_card.md", "reports/evidence.json", "reports/data_quality.html"):
        assert (reproduced.root / path).stat().st_size > 0


def test_a_repro_with_nothing_to_do_starts_no_stage(reproduced: Workspace) -> None:
    assert reproduced.stages_run(reproduced.run("dvc", "repro").stdout) == []


def test_a_changed_document_reruns_nothing(reproduced: Workspace) -> None:
    document = reproduced.root / "docs" / "vocabulary.md"
    document.write_text(document.read_text(encoding="utf-8") + "\nOne more remark.\n", encoding="utf-8")
    assert reproduced.stages_run(reproduced.run("dvc", "repro").stdout) == []
    reproduced.run("git", "checkout", "--quiet", ".")


def test_a_changed_gate_reruns_only_the_registration(reproduced: Workspace) -> None:
    content = yaml.safe_load((reproduced.root / "params.yaml").read_text(encoding="utf-8"))
    gates = [*content["model_registration"]["gates"], {"name": "f1", "metric": "performance.f1", "at_least": 0.1}]
    reproduced.edit_parameters(model_registration__gates=gates)
    output = reproduced.run("dvc", "repro").stdout
    assert reproduced.stages_run(output) == ["model_registration"]
    assert "f1" in reproduced.read_json("reports/metrics/registration.json")["gates"]
    _put_back(reproduced)


def test_a_changed_threshold_reruns_only_what_depends_on_it(reproduced: Workspace) -> None:
    reproduced.edit_parameters(model_training__threshold__value=0.6)
    output = reproduced.run("dvc", "repro").stdout
    assert reproduced.stages_run(output) == list(STAGES[2:])
    assert reproduced.read_json("reports/metrics/performance.json")["threshold"] == 0.6
    _put_back(reproduced)


def test_options_of_an_estimator_that_is_not_used_rerun_nothing(reproduced: Workspace) -> None:
    reproduced.edit_parameters(model_training__estimators__random_forest__n_estimators=7)
    assert reproduced.stages_run(reproduced.run("dvc", "repro").stdout) == []
    reproduced.run("git", "checkout", "--quiet", ".")


def test_a_failing_gate_leaves_the_stage_green_and_the_command_red(reproduced: Workspace) -> None:
    gate = {"name": "beyond reach", "metric": "performance.accuracy", "at_least": 0.999}
    reproduced.edit_parameters(model_registration__gates=[gate])
    reproduced.run("dvc", "repro")
    assert reproduced.run("fairmind", "models", "gate", check=False).returncode == 1
    _put_back(reproduced)


def test_two_clones_in_different_folders_give_the_same_bytes(reproduced: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "a folder elsewhere" / "clone")
    other.root.parent.mkdir()
    reproduced.run("git", "clone", "--quiet", str(reproduced.root), str(other.root))
    output = other.run("dvc", "repro").stdout
    assert other.stages_run(output) == list(STAGES)
    assert other.run("git", "status", "--porcelain").stdout == ""
    for name in METRICS:
        path = f"reports/metrics/{name}.json"
        assert (other.root / path).read_bytes() == (reproduced.root / path).read_bytes()


def test_a_clone_publishes_its_own_version_into_an_empty_store(reproduced: Workspace, tmp_path: Path) -> None:
    reproduced.run("git", "clone", "--quiet", str(reproduced.root), str(tmp_path / "clone"))
    clone = Workspace(tmp_path / "clone")
    shutil.copytree(reproduced.root / ".dvc" / "cache", clone.root / ".dvc" / "cache")
    ran = clone.stages_run(clone.run("dvc", "repro").stdout)
    assert "model_training" not in ran
    assert "model_registration" in ran
    assert len(clone.json("fairmind", "models", "list", "--json")["versions"]) == 1
    clone.run("fairmind", "models", "publish")
    assert len(clone.json("fairmind", "models", "list", "--json")["versions"]) == 1


def test_a_broken_row_stops_the_first_stage_and_leaves_no_partial_metric(fresh: Workspace) -> None:
    declaration = fresh.root / "apps/ml/data/datasets/loan_applications.yaml"
    content = yaml.safe_load(declaration.read_text(encoding="utf-8"))
    content["source"]["rows"] = 300
    content["expectations"]["rows_at_least"] = 1000
    declaration.write_text(yaml.safe_dump(content), encoding="utf-8")
    done = fresh.run("dvc", "repro", check=False)
    assert done.returncode != 0
    assert "300" in done.stderr
    assert not (fresh.root / "artifacts" / "01_processed").exists()
    assert not (fresh.root / "reports/metrics/data_quality.json").exists()


def test_an_unknown_key_in_the_parameters_stops_every_stage(fresh: Workspace) -> None:
    fresh.edit_parameters(model_training__estimatr="lightgbm")
    done = fresh.run("python", "-m", "apps.ml.pipelines.data_processing", check=False)
    assert done.returncode == 2
    assert "did you mean 'estimator'" in done.stderr


def test_an_unreachable_tracking_server_leaves_no_verdict(reproduced: Workspace) -> None:
    gate = {"name": "another", "metric": "performance.accuracy", "at_least": 0.1}
    reproduced.edit_parameters(model_registration__gates=[gate])
    done = reproduced.run("dvc", "repro", check=False, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode != 0
    assert "127.0.0.1:9" in done.stderr
    assert not (reproduced.root / "reports/metrics/registration.json").exists()
    _put_back(reproduced)


def _put_back(workspace: Workspace) -> None:
    workspace.run("git", "checkout", "--quiet", ".")
    workspace.run("dvc", "checkout", "--quiet", "--force", check=False)
    workspace.run("dvc", "repro")
