"""The command line: one message per error, JSON on request, exit codes that mean something, quick help."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from apps.ml.command_line import GROUPS, SINGLE_COMMANDS, build_app, report_error
from apps.ml.errors import DataError, Finding


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = "from apps.ml.command_line import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_help_lists_every_command_without_importing_heavy_packages() -> None:
    code = (
        "import sys; sys.argv = ['fairmind', '--help']\n"
        "from apps.ml.command_line import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'mlflow', 'sklearn', 'pandas', 'great_expectations'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip().endswith("[]")
    assert all(name in printed for name in (*GROUPS, *SINGLE_COMMANDS))


@pytest.mark.parametrize("name", [*GROUPS, *SINGLE_COMMANDS])
def test_every_command_is_known_and_has_help(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_an_error_raised_on_purpose_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = run("results", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_with_json_an_error_is_json_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    report_error(DataError("broken. Mend it.", [Finding("range", "too large", column="age", rows=3)]), as_json=True)
    content = json.loads(capsys.readouterr().out)
    assert content["exit_code"] == 2
    assert content["findings"][0]["column"] == "age"


def test_an_unknown_command_is_refused() -> None:
    assert run("nosuch").returncode == 2
    assert build_app(["nosuch"]) is not None
