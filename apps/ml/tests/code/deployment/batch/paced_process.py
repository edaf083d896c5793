"""Run as a process: scores a file, and goes on after each part that is kept only when a line comes on standard input.

`python -m apps.ml.tests.code.deployment.batch.paced_process IN OUT BUNDLE CHUNK_ROWS [WORKERS]` writes a line after
each part, so that whoever started it can end it between two of them, however slow either is.
"""

import sys
from pathlib import Path

from apps.ml.deployment.batch.file_scoring import score_file
from apps.ml.deployment.batch.job import Job
from apps.ml.deployment.batch.processes import Processes
from apps.ml.deployment.batch.team import Team, ThisProcess
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.serving_policy import ServingPolicy


def tell_and_wait(rows: int, _: float) -> None:
    print("part", rows, flush=True)
    sys.stdin.readline()


def main(source: str, target: str, bundle: str, chunk_rows: int, workers: int = 1) -> None:
    team: Team = Processes(workers) if workers > 1 else ThisProcess()
    job = Job(Path(source), Path(target), chunk_rows=chunk_rows)
    score_file(job, FolderSource(Path(bundle)).load(), ServingPolicy(), team, tell=tell_and_wait)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], *map(int, sys.argv[4:]))
