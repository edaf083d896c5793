"""Audit a CSV file of ten million decisions as a user would, as a process of its own: seconds and peak memory.

`python -m tests.benchmark.audit_of_a_large_file [--rows N] [--slice N] [--json]`. Beside it stands what a user would
pick instead, pandas and fairlearn's MetricFrame with point estimates of one attribute, on a slice of the same file,
because the whole of it would take more memory and minutes; its figures are of the slice and are not scaled.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmark.made_decisions import write_decisions
from tests.workspace import ROOT

GOAL_BYTES = 2**30

METRIC_FRAME = """
import sys
import pandas as pd
from fairlearn.metrics import (MetricFrame, count, false_negative_rate, false_positive_rate, selection_rate,
    true_negative_rate, true_positive_rate)
rows = pd.read_csv(sys.argv[1], nrows=int(sys.argv[2]))
metrics = dict(count=count, selection=selection_rate, tpr=true_positive_rate, fpr=false_positive_rate,
    fnr=false_negative_rate, tnr=true_negative_rate)
frame = MetricFrame(metrics=metrics, y_true=rows["label"], y_pred=rows["decision"], sensitive_features=rows["region"])
frame.difference(), frame.ratio()
"""


def main() -> int:
    """Print the table; exit code 1 where the audit does not end as it should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the file")
    parser.add_argument("--slice", type=int, default=1_000_000, help="rows that pandas and MetricFrame get")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.rows, options.slice)
    show(figures, options.json)
    return 0 if all(one["exit code"] in (0, 1, 3) for one in figures["runs"].values()) else 1


def measure(folder: Path, rows: int, part: int) -> dict[str, Any]:
    """Write the file, audit it without and with scores, and let the others have the slice."""
    path = folder / "decisions.csv"
    write_decisions(path, rows)
    asked = ["--prediction", "decision", "--label", "label", "--sensitive", "sex,region,age", "--json"]
    audit = [sys.executable, "-m", "apps.ml.command_line", "audit", str(path), *asked]
    part = min(part, rows)
    runs = {
        "audit, 3 attributes and their pairs": (rows, [*audit, "--output", str(folder / "a")]),
        "audit with scores": (rows, [*audit, "--score", "score", "--output", str(folder / "b")]),
        "pandas and MetricFrame, 1 attribute": (part, [sys.executable, "-c", METRIC_FRAME, str(path), str(part)]),
    }
    return {
        "file bytes": path.stat().st_size,
        "goal bytes": GOAL_BYTES,
        "runs": {name: {"rows": counted, **watched(command)} for name, (counted, command) in runs.items()},
    }


def watched(command: list[str]) -> dict[str, float | int]:
    """Run one process; return its seconds, peak resident bytes and exit code."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    # One process between, so that the peak of its only child is not mixed with that of earlier ones.
    code = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, done.returncode)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    peak, exit_code = (int(number) for number in done.stdout.split())
    return {"seconds": time.perf_counter() - start, "peak bytes": peak * _rss_unit(), "exit code": exit_code}


def _rss_unit() -> int:
    """Bytes per unit of ru_maxrss: kibibytes on Linux, bytes on macOS."""
    return 1 if sys.platform == "darwin" else 1024


def show(figures: dict[str, Any], as_json: bool) -> None:
    """Print seconds, rows per second and peak memory of every run."""
    if as_json:
        print(json.dumps(figures))
        return
    title = f"A CSV file of {figures['file bytes'] / 1e6:,.0f} MB (goal: below {GOAL_BYTES / 2**20:,.0f} MiB)"
    table = Table(title=title, title_justify="left")
    for heading in ("run", "rows", "seconds", "rows per second", "peak MiB"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    for name, run in figures["runs"].items():
        pace = run["rows"] / run["seconds"]
        cells = (f"{run['rows']:,}", f"{run['seconds']:.1f}", f"{pace:,.0f}", f"{run['peak bytes'] / 2**20:,.0f}")
        table.add_row(name, *cells)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
