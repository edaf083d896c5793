"""Time the model server against `mlflow models serve`, FastAPI with pandas, and an echo of JSON, in turn, in one run.

`python -m tests.benchmark.serving [--rounds N] [--seconds S] [--json]`. All serve one model of 14 mixed columns on
127.0.0.1, each with one worker process and one thread for arithmetic:

- this server with everything on: an API key, checks of every value, prediction log, ids, metrics;
- MLflow twice: with its scikit-learn flavour of the pipeline that one would write by hand, and with the MLflow model
  that we publish, whose code is ours and faster;
- a FastAPI server as one would write it first; and an echo, which parses and answers JSON and knows no model.

Every round starts, checks, warms up, times and stops each of them. A server that gives other scores or any error ends
the run. Exit code 1 where a goal is missed.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.benchmark.serving.material import make_material
from tests.benchmark.serving.measuring import measure
from tests.benchmark.serving.report import all_met, judged, show


def main() -> int:
    """Print the tables; exit code 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="times that everybody is started and timed")
    parser.add_argument("--seconds", type=float, default=3, help="seconds of load per case and round")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="fairmind-serving-") as folder:
        console.print("training the model")
        material = make_material(Path(folder))
        found = measure(material, Path(folder), options.rounds, options.seconds, console.print)
    report = judged(found)
    if options.json:
        print(json.dumps(report))
    else:
        show(report)
    return 0 if all_met(report) else 1


if __name__ == "__main__":
    sys.exit(main())
