"""The stages of a clone, run for real: no stage is skipped and no result is taken from a cache."""

import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

from apps.ml.errors import BadInputError
from apps.ml.experiments.reproduction.clone import clone_environment, stages_of

RUNNING = "Running stage '"
REPRO = ("-m", "dvc", "repro", "--force", "--no-run-cache")
LAST_LINES = 15


def run_stages(folder: Path, root: Path, progress: Callable[[str, int, int], None]) -> list[str]:
    """Run every stage in a clone and return their names in order.

    Parameters
    ----------
    folder, root : Path
        The clone, and the repository whose data it may read.
    progress
        Called with name, number from 1, and number of stages, when a stage starts.

    Raises
    ------
    BadInputError
        A stage failed, or was not run; the message holds what it printed last.
    """
    stages, ran, last = stages_of(folder), list[str](), deque[str](maxlen=LAST_LINES)
    with subprocess.Popen(
        (sys.executable, *REPRO),
        cwd=folder,
        env=clone_environment(folder, root),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            last.append(line.rstrip())
            if line.startswith(RUNNING):
                ran.append(line.split("'")[1])
                progress(ran[-1], len(ran), len(stages))
    missing = [stage for stage in stages if stage not in ran]
    if process.returncode or missing:
        said = "\n  ".join(line for line in last if line)
        raise BadInputError(
            f"The stages did not all run in the clone (exit code {process.returncode}; missing: "
            f"{', '.join(missing) or 'none'}):\n  {said}\nMend what they name; --keep DIR keeps the clone for a look."
        )
    return ran
