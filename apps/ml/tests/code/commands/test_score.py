"""`fairmind score` from the command line: what it writes, says and ends with."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from apps.ml.commands.score import score
from apps.ml.deployment.batch.progress import state
from apps.ml.errors import BadInputError, DataError
from apps.ml.models.bundle import read_info
from apps.ml.models.golden_rows import read_golden
from apps.ml.tests.loan_files import read_back

MODELS = Path(__file__).parents[1] / "models"
BUNDLE = MODELS / "format_1_bundle"
"""A small committed bundle: nothing is trained here."""

REPOSITORY = Path(__file__).parents[5]
CALL = "import typer; from apps.ml.commands.score import score; a = typer.Typer(); a.command()(score); a()"


@pytest.fixture
def fairmind_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command in a folder with a file of golden rows; return what it printed."""
    monkeypatch.chdir(tmp_path)
    rows = read_golden(BUNDLE, read_info(BUNDLE).columns).frame
    rows.to_csv("in.csv", index=False)
    rows.assign(age="old").to_csv("ill.csv", index=False)

    def run(*arguments: str, model: Path = BUNDLE) -> str:
        app = typer.Typer()
        app.command()(score)
        result = CliRunner().invoke(app, [*arguments, "--model", str(model)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_it_scores_a_file_and_says_how_many_rows(fairmind_score: Any) -> None:
    golden = read_golden(BUNDLE, read_info(BUNDLE).columns)
    said = fairmind_score("in.csv", "out.csv")
    assert f"out.csv: {len(golden.frame)} rows scored by small_loans (from a folder)" in said
    assert read_back(Path("out.csv"))["score"].tolist() == pytest.approx(golden.scores.tolist(), abs=1e-9)


def test_json_for_machines_holds_what_was_done(fairmind_score: Any) -> None:
    facts = json.loads(fairmind_score("in.csv", "out.parquet", "--json", "--results-only", "--chunk-rows", "10"))
    assert (facts["rows"], facts["set_aside"], facts["parts"], facts["parts_found"]) == (32, 0, 4, 0)
    assert (facts["model"], facts["version"], facts["misfits_file"]) == ("small_loans", None, None)
    assert list(pd.read_parquet("out.parquet")) == ["row", "score", "decision", "threshold", "version", "evidence"]


def test_columns_to_repeat_are_named_and_results_get_a_prefix(fairmind_score: Any) -> None:
    fairmind_score("in.csv", "out.csv", "--keep", "city,age", "--prefix", "fair_", "--separator", ",")
    assert list(pd.read_csv("out.csv"))[:4] == ["age", "city", "fair_row", "fair_score"]


def test_rows_that_do_not_fit_fail_or_are_set_aside(fairmind_score: Any) -> None:
    with pytest.raises(DataError, match=r"column 'age': the value has the wrong type in row 0, 1, 2 and 29 more"):
        fairmind_score("ill.csv", "out.csv")
    said = fairmind_score("ill.csv", "out.csv", "--on-misfit", "quarantine")
    assert "out.csv.misfits.parquet: 32 rows that do not fit" in said
    facts = json.loads(fairmind_score("ill.csv", "out.csv", "--on-misfit", "quarantine", "--json"))
    assert (facts["scored"], facts["set_aside"]) == (0, 32)
    assert facts["misfits"][0]["column"] == "age"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--on-misfit", "skip"], "neither fail nor quarantine"),
        (["--results-only", "--keep", "age"], "Leave one of them out"),
        (["--separator", "::"], "one character"),
        (["--allow", "everything"], "cannot be allowed"),
    ],
)
def test_options_that_mean_nothing_are_refused(fairmind_score: Any, arguments: list[str], told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        fairmind_score("in.csv", "out.csv", *arguments)


def everything_on(terminal: int) -> str:
    """Read a terminal until nobody holds its other end: what nobody reads soon keeps its writer waiting."""
    found = b""
    with suppress(OSError):  # how Linux tells the end
        while piece := os.read(terminal, 65_536):
            found += piece
    os.close(terminal)
    return found.decode()


def test_progress_is_shown_on_a_terminal_alone(fairmind_score: Any, tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-c", CALL, "in.csv", "out.csv", "--model", str(BUNDLE), "--chunk-rows", "8"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=follower, env=environment) as shown:
        os.close(follower)
        terminal = everything_on(leader)
        assert shown.stdout is not None
        assert b"rows scored by" in shown.stdout.read()
    assert shown.returncode == 0
    assert "Scoring" in terminal
    assert "rows/s" in terminal
    silent = subprocess.run(command, cwd=tmp_path, capture_output=True, env=environment, check=True)
    assert silent.stderr == b""


def test_progress_says_rows_and_speed() -> None:
    assert state(120_000, 2.0) == "120,000 rows, 60,000 rows/s"
    assert state(0, 0.0) == "0 rows"
