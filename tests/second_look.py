"""Run tests, and look a second time, alone, at the few that failed among others.

Usage: ``python -m tests.second_look PATH... -- OPTION OF PYTEST...``

Tests of servers, processes and connections share two cores with each other; one of thousands may lose a race there that
it does not lose alone. Such a test is named at the end as unsteady, for somebody to mend. A test that fails twice has
failed, and where more than :data:`MOST` fail at first, nothing is looked at again.

Exit codes: pytest's own; 0 when everything passed, at first or alone.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

MOST = 3
PLUGIN = "tests.second_look"
FAILED = "FAIRMIND_FAILED_TESTS"
"""The environment's name for the file into which a run writes what failed, an identifier a line."""


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the identifiers of failed tests, once all are known (pytest's hook; workers of xdist tell nothing)."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    target = os.environ.get(FAILED)
    if target and reporter is not None and not hasattr(session.config, "workerinput"):
        reports = [*reporter.stats.get("failed", []), *reporter.stats.get("error", [])]
        Path(target).write_text("".join(f"{name}\n" for name in dict.fromkeys(report.nodeid for report in reports)))


def _run(what: list[str], options: list[str]) -> tuple[int, list[str]]:
    """Return pytest's exit code and what failed."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "failed"
        command = [sys.executable, "-m", "pytest", "-p", PLUGIN, *options, "--", *what]
        done = subprocess.run(command, env={**os.environ, FAILED: str(target)}, check=False)
        return done.returncode, target.read_text().splitlines() if target.exists() else []


def main(arguments: list[str] | None = None) -> int:
    """Run, look again where it is worth it, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="where tests are")
    given = sys.argv[1:] if arguments is None else arguments
    end = given.index("--") if "--" in given else len(given)
    paths, options = parser.parse_args(given[:end]).paths, given[end + 1 :]
    code, failed = _run(paths, options)
    if code != pytest.ExitCode.TESTS_FAILED or not 1 <= len(failed) <= MOST:
        return code
    print(f"\nA second look, alone, at {len(failed)} of them:", flush=True)
    again, still = _run(failed, [*options, "-n", "0"])
    unsteady = [name for name in failed if name not in still]
    for name in unsteady if again in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else []:
        print(f"UNSTEADY {name}: failed among others, passed alone. Mend it.", flush=True)
    return again


if __name__ == "__main__":
    sys.exit(main())
