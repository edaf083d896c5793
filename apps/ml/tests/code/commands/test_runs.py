import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.command_line import build_app
from apps.ml.commands.runs import USUAL_TOLERANCE
from apps.ml.errors import BadInputError, RegistryError, ServiceUnavailableError
from apps.ml.experiments.reproduction.differences import TOLERANCE
from apps.ml.files import read_json
from apps.ml.pipelines import model_registration
from apps.ml.tests import finished_pipeline
from apps.ml.tests.answered_rows import write_answers


@pytest.fixture
def tracked(finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch) -> ArtifactPaths:
    """A run outside experiments, and two experiments."""
    model_registration.main(finished)
    finished_pipeline.experiment(finished, monkeypatch, "brisk-lamp", 0.81, seed=6)
    finished_pipeline.experiment(finished, monkeypatch, "calm-rope", 0.82, seed=7)
    return finished


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(build_app(["runs"]), ["runs", *arguments], env={"COLUMNS": "200"})
    if result.exception is not None:
        raise result.exception
    return result.output


def _json(*arguments: str) -> Any:
    return json.loads(_run(*arguments, "--json"))


def test_runs_are_listed_the_newest_first(tracked: ArtifactPaths) -> None:
    runs = _json("list")["runs"]
    assert [run["experiment"] for run in runs] == ["calm-rope", "brisk-lamp", None]
    assert [run["metrics"]["performance.roc_auc"] for run in runs] == [0.82, 0.81, 0.8]
    assert [run["parameters"]["model_training.seed"] for run in runs] == ["7", "6", "5"]
    assert "brisk-lamp" in _run("list", "--dataset", finished_pipeline.MODEL)
    assert _json("list", "--dataset", "nobody") == {"runs": []}


def test_experiments_are_compared_by_name(tracked: ArtifactPaths) -> None:
    content = _json("compare", "brisk-lamp", "calm-rope")
    assert content["differing_parameters"] == {"model_training.seed": ["6", "7"]}
    assert [run["metrics"]["performance.roc_auc"] for run in content["runs"]] == [
        {"value": 0.81, "lower": 0.76, "upper": 0.86},
        {"value": 0.82, "lower": 0.77, "upper": 0.87},
    ]


def test_the_numbers_are_those_of_the_metric_files(tracked: ArtifactPaths) -> None:
    written = read_json(tracked.metric("performance"))
    compared = _json("compare", "calm-rope")["runs"][0]["metrics"]
    for name in ("roc_auc", "accuracy", "log_loss"):
        assert compared[f"performance.{name}"]["value"] == written[name]["value"]


def test_without_names_the_latest_runs_of_the_data_set_are_compared(tracked: ArtifactPaths) -> None:
    assert len(_json("compare")["runs"]) == 3
    assert [run["experiment"] for run in _json("compare", "--last", "1")["runs"]] == ["calm-rope"]


def test_people_see_differences_intervals_and_what_is_undefined(tracked: ArtifactPaths) -> None:
    printed = _run("compare", "brisk-lamp", "calm-rope", "--all")
    assert "model_training.seed" in printed
    assert "0.8100 (0.7600 to 0.8600)" in printed
    assert "undefined: no row was predicted positive" in " ".join(printed.split())


def test_differences_on_the_same_rows_are_printed_with_their_verdict(
    finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at, knowledge in enumerate((0.1, 0.9)):
        write_answers(finished, knowledge)
        finished_pipeline.experiment(finished, monkeypatch, f"fox-{at}", 0.8 + at / 100, seed=6 + at)
    printed = " ".join(_run("compare", "fox-0", "fox-1").split())
    assert "Differences from fox-0 on the same rows" in printed
    assert "│ better │" in printed
    assert "gaps (--all lists them)" in printed


def test_why_rows_cannot_be_compared_is_printed(tracked: ArtifactPaths) -> None:
    assert "calm-rope: no paired differences: " in _run("compare", "brisk-lamp", "calm-rope")


def test_the_page_stands_beside_its_record_and_pictures(tracked: ArtifactPaths, tmp_path: Path) -> None:
    printed = _run("compare", "brisk-lamp", "calm-rope", "--output", str(tmp_path / "page"))
    assert sorted(path.name for path in (tmp_path / "page").iterdir()) == [
        "comparison.html",
        "comparison.json",
        "differences.png",
        "front.png",
        "parallel.png",
    ]
    assert "Page: " in printed
    assert read_json(tmp_path / "page" / "comparison.json")["runs"][1]["label"] == "calm-rope"


def test_no_page_is_written_without_a_run(finished: ArtifactPaths, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no run to draw"):
        _run("compare", "--output", str(tmp_path / "page"))
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize(("verdict", "code"), [("identical", 0), ("equal within tolerance", 0), ("different", 1)])
def test_a_reproduction_is_printed_and_its_verdict_is_the_exit_code(
    verdict: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {
        "run_id": "0" * 32,
        "commit": "c" * 40,
        "warnings": ["params.yaml is restored"],
        "clone": None,
        "verdict": verdict,
        "reasons": ["other bytes: artifacts/03_models"],
        "tolerance": 1e-6,
        "outputs": {"artifacts/03_models": {"original": "1" * 32, "reproduced": None, "same": False}},
        "metrics": {"compared": 9, "differing": {"performance.f1": {"original": 0.5, "reproduced": None}}},
        "predictions": {"rows": 300, "scores_differ": 2, "decisions_differ": 1, "largest_difference": 0.25},
        "environment": {"numpy": {"original": "2.4", "reproduced": "2.5"}},
    }
    monkeypatch.setattr("apps.ml.experiments.reproduction.reproduce.reproduce", lambda *_: content)
    result = CliRunner().invoke(build_app(["runs"]), ["runs", "reproduce", "x"], env={"COLUMNS": "200"})
    assert result.exit_code == code
    for said in (verdict, "warning: params.yaml", "numpy 2.4 then, 2.5 now", "2 of 300 rows", "performance.f1"):
        assert said in result.output


def test_the_command_and_the_comparison_know_one_tolerance() -> None:
    assert USUAL_TOLERANCE == TOLERANCE


def test_without_any_run_the_way_to_one_is_named(finished: ArtifactPaths) -> None:
    assert "`dvc repro` publishes one" in _run("compare")


def test_an_unknown_run_is_refused_with_the_nearest_name(tracked: ArtifactPaths) -> None:
    with pytest.raises(RegistryError, match="no run or experiment 'brisk-lamb'; did you mean 'brisk-lamp'"):
        _run("compare", "brisk-lamb")


def test_a_store_that_does_not_answer_is_reported(finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(ServiceUnavailableError, match=r"http://127\.0\.0\.1:9 does not answer"):
        _run("list")
