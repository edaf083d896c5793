"""`python -m apps.ml.tests.scoring_process IN OUT BUNDLE CHUNK_ROWS`: scores a file and says when a part is kept.

It can be killed between two parts. Its exit code and its last line are those of a job: rows, and parts that were there.
"""

import sys
from pathlib import Path

from apps.ml.deployment.batch.file_scoring import score_file
from apps.ml.deployment.batch.job import Job
from apps.ml.deployment.batch.processes import Processes
from apps.ml.deployment.batch.team import Team, ThisProcess
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.serving_policy import ServingPolicy


def main(source: str, target: str, bundle: str, chunk_rows: int, workers: int = 1) -> None:
    """Score, with a line after each part."""
    team: Team = Processes(workers) if workers > 1 else ThisProcess()
    job = Job(Path(source), Path(target), chunk_rows=chunk_rows)
    model = FolderSource(Path(bundle)).load()
    finished = score_file(job, model, ServingPolicy(), team, tell=lambda rows, _: print("part", rows, flush=True))
    print(finished.rows, finished.found_parts, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], *map(int, sys.argv[4:]))
