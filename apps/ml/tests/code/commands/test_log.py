"""`fairmind log`: counts, erasure, retention, export and replay from the command line."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from apps.ml.commands import log
from apps.ml.errors import BadInputError, ServiceUnavailableError
from apps.ml.models.bundle import write_bundle
from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.identifiers import prediction_ids
from apps.ml.prediction_log.state_folder import journal_root
from apps.ml.prediction_log.subjects import subject_digest
from apps.ml.tests.code.deployment.conftest import as_instances, loan_rows, train_bundle
from apps.ml.tests.code.deployment.logged_answers import log_answers
from apps.ml.tests.code.prediction_log.conftest import write_all
from apps.ml.tests.code.prediction_log.made_up_entries import answer_entry, outcome_entry, version_entry

APP = typer.Typer()
APP.add_typer(log.app, name="log")
FIRST = answer_entry((0.25, 0.75), subject=subject_digest("Jane"))
SECOND = answer_entry(arm="challenger")


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(APP, ["log", *arguments], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def run_json(*arguments: str, code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", code=code))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder without a log; defaults point into it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("FAIRMIND_STATE_DIR", raising=False)
    return tmp_path


@pytest.fixture
def filled(folder: Path) -> Path:
    """Two calls, one label, one label of nobody."""
    run("upgrade")
    stray = outcome_entry(answer_entry().call)
    write_all(open_database(), journal_root(), version_entry(), FIRST, SECOND, outcome_entry(FIRST.call, 1), stray)
    return folder


def test_show_counts_by_version_arm_and_route(filled: Path) -> None:
    content = run_json("show")
    assert [(one["arm"], one["calls"], one["predictions"], one["labelled"]) for one in content["served"]] == [
        (None, 1, 2, 1),
        ("challenger", 1, 1, 0),
    ]
    assert (content["reports"], content["labelled"], content["unmatched"]) == (2, 2, 1)
    assert content["writer"] is None
    shown = run("show")
    assert "challenger" in shown
    assert "Labels: 2 predictions, 1 of them of unknown predictions; 2 reports." in shown
    assert "Labels: 1 predictions; 1 reports." in run("show", "--model", "loans")
    assert "Labels: 0 predictions; 0 reports." in run("show", "--model", "nobody")
    assert run_json("show", "--model", "nobody")["served"] == []
    assert run_json("show", "--until", "2001-01-01")["served"] == []


def test_a_persons_answers_are_erased_once(filled: Path) -> None:
    assert run_json("erase", "--subject", "Jane") == {"predictions": 2, "outcomes": 1}
    assert "Erased: 0 answers, 0 labels" in run("erase", "--subject", "Jane")
    assert run_json("erase", "--prediction", prediction_ids(SECOND.call, 1)[0]) == {"predictions": 1, "outcomes": 0}
    assert "1 × prediction, 1 × subject" in run("show")


@pytest.mark.parametrize("arguments", [[], ["--subject", "Jane", "--prediction", "x"]])
def test_erase_wants_exactly_one_name(filled: Path, arguments: list[str]) -> None:
    with pytest.raises(BadInputError, match="exactly one of --subject and --prediction"):
        run("erase", *arguments)


def test_prune_takes_an_age(filled: Path) -> None:
    assert run_json("prune", "--older-than", "1d") == {"calls": 0, "predictions": 0, "outcomes": 0}
    assert "Removed: 3 answers in 2 calls, 2 labels" in run("prune", "--older-than", "0m")
    for wrong in ("90", "d", "-1d", "1y"):
        with pytest.raises(BadInputError, match="is no age"):
            run("prune", "--older-than", wrong)


def test_export_writes_one_row_per_answer(filled: Path) -> None:
    assert run_json("export", "answers.parquet", "--sensitive") == {"file": "answers.parquet", "rows": 3}
    assert "input:gender" in pq.read_schema(filled / "answers.parquet").names
    assert "0 answers" in run("export", "none.parquet", "--version", "99")


@pytest.mark.parametrize(("shift", "code", "word"), [(0.0, 0, "the same"), (0.125, 1, "another number")])
def test_replay_says_by_its_exit_code_what_came_out(folder: Path, shift: float, code: int, word: str) -> None:
    run("upgrade")
    bundle, golden = train_bundle("logistic_regression")
    write_bundle(folder / "bundle", bundle, golden)
    rows = as_instances(loan_rows(1)[0])
    (name,) = log_answers(open_database(), journal_root(), folder / "bundle", rows, shift)
    assert word in run("replay", name, code=code)
    content = run_json("replay", name, code=code)
    assert (content["id"], content["same"]) == (name, code == 0)
    assert content["difference"] == pytest.approx(-shift, abs=1e-9)


def test_a_log_that_is_not_there_is_bad_input_and_a_server_that_is_silent_is_unavailable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInputError, match=r"There is no prediction log at .*fairmind\.db"):
        run("show")
    assert not (folder / "fairmind.db").exists()
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@127.0.0.1:9/log")
    with pytest.raises(ServiceUnavailableError, match="does not answer"):
        run("show")


def test_a_moment_is_read_as_universal_time_and_nonsense_is_refused(filled: Path) -> None:
    with pytest.raises(BadInputError, match="'yesterday' is no moment"):
        run("show", "--since", "yesterday")


@pytest.mark.parametrize("command", ["show", "erase", "prune", "export", "replay", "upgrade"])
def test_every_command_explains_itself(command: str) -> None:
    assert "--json" in run(command, "--help")
