"""`fairmind tune` from the outside."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.ml import command_line
from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.tests.small_tuning import QUICK, write_section


@pytest.fixture
def paths(finished: ArtifactPaths) -> ArtifactPaths:
    write_section(finished, QUICK | {"validation": {"method": "holdout"}, "trials": 3})
    return finished


@pytest.fixture
def tune(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command; returns (exit code, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fairmind", "tune", *arguments])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        printed = capsys.readouterr()
        code = ended.value.code
        return (0 if code is None else int(code)), printed.out, printed.err

    return run


def test_it_prints_the_winner_and_where_the_report_is(paths: ArtifactPaths, tune: Any) -> None:
    code, out, _ = tune("--no-mlflow")
    assert code == 0
    assert "3 trials: 3 trained to the end" in " ".join(out.split())
    assert "dvc exp run -S model_training.estimator=naive_bayes" in out
    (report,) = paths.studies.glob("*/tuning.md")
    assert report.parent.name in out


def test_json_goes_on_with_the_same_study_and_applies_the_winner(paths: ArtifactPaths, tune: Any) -> None:
    before = paths.parameters.read_text(encoding="utf-8")
    _, out, _ = tune("--json", "--no-mlflow")
    first = json.loads(out)
    _, out, _ = tune("--json", "--trials", "5", "--resume", "--apply", "--output", "elsewhere")
    second = json.loads(out)
    assert second["study"] == first["study"]
    assert (first["trials"]["complete"], second["trials"]["complete"]) == (3, 5)
    assert second["run"] is not None
    assert (first["applied"], second["applied"]) == (False, True)
    assert Path("elsewhere/study.json").exists()
    found = yaml.safe_load(paths.parameters.read_text(encoding="utf-8"))
    assert found["model_training"]["estimator"] == "naive_bayes"
    smoothing = found["model_training"]["estimators"]["naive_bayes"]["var_smoothing"]
    assert smoothing == second["picked"]["options"]["var_smoothing"]
    assert before != paths.parameters.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--trials", "0"), 2, "model_tuning.trials"),
        (("--sampler", "tep"), 2, "did you mean 'tpe'"),
        (("--metric", "auc"), 2, "there is no metric 'auc'"),
        (("--estimator", "nothing"), 2, "there is no estimator 'nothing'"),
        (("--resume",), 2, "to resume"),
        (("--storage", "mysql://host/x"), 2, "PostgreSQL"),
        (("--storage", "postgresql://me:secret@127.0.0.1:1/x"), 4, "127.0.0.1:1/x does not answer"),
        (("--ray-address", "auto"), 2, "needs --ray-workers"),
        (("--sampler", "grid"), 2, "a range without a number of points"),
    ],
)
def test_what_cannot_be_done_ends_with_its_code(
    paths: ArtifactPaths, tune: Any, arguments: tuple[str, ...], code: int, message: str
) -> None:
    found, out, err = tune("--no-mlflow", *arguments)
    assert (found, message in err) == (code, True), err
    assert "secret" not in out + err


def test_a_named_study_of_another_space_is_refused(paths: ArtifactPaths, tune: Any) -> None:
    storage = f"sqlite:///{paths.root.resolve()}/mine.db"
    assert tune("--no-mlflow", "--study", "mine", "--storage", storage)[0] == 0
    code, _, err = tune("--no-mlflow", "--study", "mine", "--storage", storage, "--estimator", "logistic_regression")
    assert code == 2
    assert "another search space" in err
