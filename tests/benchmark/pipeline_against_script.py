"""Time `dvc repro` on Adult against one straight script that does the same work, in turn, in one run.

`python -m tests.benchmark.pipeline_against_script [--rounds N] [--json]`; needs FAIRMIND_DATA_DIR. The pipeline runs in
a temporary copy of the repository, every stage anew (`--force`). Each round times both; the ratio is taken round by
round.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.workspace import ROOT, Workspace, copy_of_repository

GOAL_RATIO = 2.5


def main() -> int:
    """Print the table; exit code 2 where the data is absent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds after one that is not counted")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args()
    if not os.environ.get("FAIRMIND_DATA_DIR"):
        print("error: FAIRMIND_DATA_DIR is not set. Set it to the folder that holds adult/adult.data.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        rounds = measure(Path(folder), options.rounds)
    show(rounds, options.json)
    return 0


def measure(folder: Path, count: int) -> list[tuple[float, float]]:
    """Return seconds of (pipeline, script) per round; the first round of each warms up and is dropped."""
    workspace = copy_of_repository(folder / "repository")
    workspace.edit_parameters(data_processing__dataset="adult")
    console = Console(stderr=True)
    rounds = []
    for number in range(count + 1):
        pipeline = seconds(workspace, "dvc", "repro", "--force")
        output = folder / "straight"
        shutil.rmtree(output, ignore_errors=True)
        script = seconds(Workspace(ROOT), sys.executable, "-m", "tests.benchmark.straight_script", str(output))
        console.print(f"round {number}: pipeline {pipeline:.1f} s, script {script:.1f} s")
        rounds.append((pipeline, script))
    return rounds[1:]


def seconds(workspace: Workspace, *command: str) -> float:
    """Wall seconds of one command, on one thread each."""
    start = time.perf_counter()
    workspace.run(*command, check=True, OMP_NUM_THREADS="1", FAIRMIND_CACHE_DIR=str(workspace.root / ".cache"))
    return time.perf_counter() - start


def show(rounds: list[tuple[float, float]], as_json: bool) -> None:
    """Print medians and the ratio pair by pair."""
    ratios = [pipeline / script for pipeline, script in rounds]
    figures = {
        "pipeline seconds": [pipeline for pipeline, _ in rounds],
        "script seconds": [script for _, script in rounds],
        "ratio": ratios,
    }
    if as_json:
        print(json.dumps({"goal_ratio": GOAL_RATIO, **figures}))
        return
    table = Table(title=f"dvc repro on Adult against a straight script (goal: ratio at most {GOAL_RATIO})")
    for heading in ("figure", "minimum", "median", "maximum"):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    for name, values in figures.items():
        table.add_row(name, *(f"{value:.2f}" for value in (min(values), statistics.median(values), max(values))))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
