"""`python -m apps.ml.tests.slow_tuning_worker ADDRESS TRIALS SECONDS`: a worker whose trials last.

It says when it is in the middle of one, so that it can be killed there. Its heart beats every second, and it
is taken for dead after three.
"""

import sys
import time
from typing import Any

from apps.ml.experiments.tuning import candidates
from apps.ml.experiments.tuning.problem import TuningProblem
from apps.ml.experiments.tuning.running import worker_process
from apps.ml.experiments.tuning.storage import Place
from apps.ml.experiments.tuning.working import Budget
from apps.ml.tests.small_tuning import problem

HEARTBEAT_SECONDS, GRACE_SECONDS = 1, 3


def the_problem() -> TuningProblem:
    """The problem that every such worker searches on."""
    return problem({"validation": {"method": "holdout"}, "sampler": "random"})


def the_place(address: str) -> Place:
    """The place with a quick heart."""
    return Place(address, HEARTBEAT_SECONDS, GRACE_SECONDS)


def main(address: str, trials: int, seconds: float) -> None:
    """Work until the budget is spent."""
    answers = candidates._answers

    def slow(trained: Any, rows: Any) -> Any:
        print("in a trial", flush=True)
        time.sleep(seconds)
        return answers(trained, rows)

    candidates._answers = slow
    asked = the_problem()
    worker_process(asked, the_place(address), asked.name, Budget(trials), workers=2)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
