import json
import shutil
from typing import Any

import pytest
from typer.testing import CliRunner

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.command_line import build_app
from apps.ml.errors import BadInputError, RegistryError
from apps.ml.experiments.fingerprint import fingerprint_of
from apps.ml.files import read_json
from apps.ml.pipelines import model_registration, model_training
from apps.ml.tests import finished_pipeline

MODEL = finished_pipeline.MODEL


@pytest.fixture
def registered(finished: ArtifactPaths) -> ArtifactPaths:
    """Version 1 passes and is champion, version 2 fails and is the candidate."""
    for roc_auc in (0.8, 0.5):
        finished_pipeline.measure(finished, roc_auc)
        model_registration.main(finished)
    return finished


def _run(*arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(build_app(["models"]), ["models", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == exit_code, result.output
    return result.output


def _json(*arguments: str, exit_code: int = 0) -> Any:
    return json.loads(_run(*arguments, "--json", exit_code=exit_code))


def test_versions_are_listed_with_alias_verdict_and_measurements(registered: ArtifactPaths) -> None:
    versions = _json("list")["versions"]
    assert [(one["version"], one["aliases"], one["verdict"]) for one in versions] == [
        ("2", ["candidate"], "FAIL"),
        ("1", ["champion"], "PASS"),
    ]
    assert versions[1]["metrics"]["performance.roc_auc"] == 0.8
    assert versions[1]["estimator"] == "lightgbm"
    assert "champion" in _run("list", MODEL)


def test_an_empty_registry_lists_nothing(finished: ArtifactPaths) -> None:
    assert _json("list") == {"versions": []}


def test_a_version_is_shown_by_address_option_or_as_champion(registered: ArtifactPaths) -> None:
    assert _json("show", MODEL)["version"] == "1"
    for arguments in (("show", f"{MODEL}/2"), ("show", MODEL, "--version", "2"), ("show", f"{MODEL}@candidate")):
        shown = _json(*arguments)
        assert shown["version"] == "2"
        assert shown["registration"]["gates"]["ranking"]["verdict"] == "FAIL"
    assert shown["metrics"]["performance.accuracy"] == {"value": 0.75, "lower": 0.7, "upper": 0.8}
    assert "no part of the 95% interval" in " ".join(_run("show", MODEL, "--alias", "candidate").split())


def test_an_address_that_is_none_is_refused(registered: ArtifactPaths) -> None:
    with pytest.raises(BadInputError, match="Write NAME, NAME/VERSION or NAME@ALIAS"):
        _run("show", "a/b/c")


@pytest.mark.parametrize(
    ("roc_auc", "exit_code"), [(0.8, 0), (0.5, 1), (0.7, 3)], ids=["passed", "failed", "inconclusive"]
)
def test_the_gate_is_an_exit_code(roc_auc: float, exit_code: int, finished: ArtifactPaths) -> None:
    finished_pipeline.measure(finished, roc_auc)
    model_registration.main(finished)
    content = _json("gate", exit_code=exit_code)
    assert content == read_json(finished.metric("registration"))
    assert "ranking" in _run("gate", exit_code=exit_code)
    assert _json("gate", "--model", MODEL, "--alias", "candidate", exit_code=exit_code)["version"] == "1"


def test_without_a_pipeline_run_there_is_no_gate(finished: ArtifactPaths) -> None:
    with pytest.raises(BadInputError, match="Run `make reproduce` or `dvc repro` first"):
        _run("gate")


def test_a_failing_version_is_not_promoted_unless_overridden_with_a_reason(registered: ArtifactPaths) -> None:
    assert _json("promote", MODEL, "--version", "2", exit_code=1)["promoted"] is False
    with pytest.raises(BadInputError, match="Add --reason TEXT"):
        _run("promote", MODEL, "--version", "2", "--override")
    arguments = ("promote", MODEL, "--version", "2", "--override", "--reason", "agreed")
    done = _json(*arguments)
    assert (done["model"], done["version"], done["promoted"], done["verdict"]) == (MODEL, "2", True, "FAIL")
    assert (done["comparison"]["champion"], done["comparison"]["verdict"]) == ("1", "PASS")
    assert _json("show", MODEL)["reason"] == "agreed"


def test_an_inconclusive_version_is_not_promoted_either(finished: ArtifactPaths) -> None:
    finished_pipeline.measure(finished, 0.7)
    model_registration.main(finished)
    assert "Not promoted: the gates say INCONCLUSIVE" in _run("promote", MODEL, "--version", "1", exit_code=3)


def test_a_version_that_is_worse_than_the_champion_is_refused_with_the_comparison(registered: ArtifactPaths) -> None:
    finished_pipeline.measure(registered, 0.9)
    gate = {"name": "no worse", "metric": "performance.roc_auc", "at_least": 0.5, "reference": "champion"}
    gates = [*finished_pipeline.GATES, gate]
    finished_pipeline.set_parameters(registered, "model_registration", gates=gates)
    finished_pipeline.set_parameters(registered, "model_training", seed=8)
    shutil.rmtree(registered.bundle)
    model_training.main(registered)
    model_registration.main(registered)
    refused = _json("promote", MODEL, "--version", "3", exit_code=1)
    assert (refused["promoted"], refused["comparison"]["gates"]["no worse"]["verdict"]) == (False, "FAIL")
    printed = " ".join(_run("promote", MODEL, "--version", "3", exit_code=1).split())
    assert "Not promoted: beside the champion, version 1, it is FAIL" in printed
    assert "no worse" in printed
    assert _json("lineage", f"{MODEL}/3")["promotion"]["champion_comparison"] == "FAIL"


def test_the_table_shows_guards_and_policy_beside_the_gates(registered: ArtifactPaths) -> None:
    printed = " ".join(_run("gate", exit_code=1).split())
    for name in ("ranking", "guard: constant predictor", "guard: group performance", "policy: chance"):
        assert name in printed


def test_exactly_one_thing_is_promoted(registered: ArtifactPaths) -> None:
    for arguments in ((), ("--version", "1", "--run", "abc"), ("--run", "abc", "--experiment", "x")):
        with pytest.raises(BadInputError, match="exactly one of --version, --run and --experiment"):
            _run("promote", MODEL, *arguments)


def test_an_experiment_is_promoted_by_its_name(registered: ArtifactPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    finished_pipeline.experiment(registered, monkeypatch, "brisk-lamp", 0.9)
    assert _json("promote", MODEL, "--experiment", "brisk-lamp")["version"] == "3"
    assert _json("rollback", MODEL, "--reason", "trial") == {"model": MODEL, "from": "3", "to": "1"}
    shown = {one["version"]: one for one in _json("list")["versions"]}
    assert shown["3"]["rolled_back"]
    assert shown["1"]["aliases"] == ["champion"]


def test_a_roll_back_without_an_earlier_champion_is_refused(registered: ArtifactPaths) -> None:
    with pytest.raises(RegistryError, match="had no champion before version 1"):
        _run("rollback", MODEL)


def test_the_lineage_of_the_champion_is_printed(registered: ArtifactPaths) -> None:
    lineage = _json("lineage", MODEL)
    assert lineage["version"] == "1"
    assert lineage["gates"]["ranking"]["verdict"] == "PASS"
    printed = _run("lineage", f"{MODEL}/2")
    assert "gate ranking" in printed
    assert "test rows" in printed


def test_publishing_again_changes_nothing(registered: ArtifactPaths) -> None:
    before = _json("list")
    done = _json("publish")
    assert (done["version"], done["reused"]) == ("2", True)
    assert "was there already" in _run("publish")
    assert _json("list") == before


def test_publishing_fills_an_empty_store(registered: ArtifactPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other/mlflow.db")
    assert _json("publish")["reused"] is False
    versions = _json("list")["versions"]
    assert [one["fingerprint"] for one in versions] == [fingerprint_of(registered).value]
