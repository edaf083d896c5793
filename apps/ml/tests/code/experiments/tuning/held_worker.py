"""`python -m apps.ml.tests.code.experiments.tuning.held_worker ADDRESS TRIALS GRACE`: its trials last until it is told.

In the middle of each trial it prints a line, and goes on when it is given one, or where nobody can give it one any
more. Its heart beats every second, and it takes others for dead whose hearts were silent for `GRACE` seconds.
"""

import select
import sys
from typing import Any

from apps.ml.experiments.tuning import candidates
from apps.ml.experiments.tuning.problem import TuningProblem
from apps.ml.experiments.tuning.running import worker_process
from apps.ml.experiments.tuning.storage import Place
from apps.ml.experiments.tuning.working import Budget
from apps.ml.tests.small_tuning import problem

HEARTBEAT_SECONDS = 1
LOOK_SECONDS = 0.1
IN_A_TRIAL = "in a trial"


def the_problem() -> TuningProblem:
    """The problem that every such worker searches on."""
    return problem({"validation": {"method": "holdout"}, "sampler": "random"})


def main(address: str, trials: int, grace_seconds: int) -> None:
    """Work until the budget is spent."""
    answers = candidates._answers

    def held(trained: Any, rows: Any) -> Any:
        print(IN_A_TRIAL, flush=True)
        # In steps, so that no signal waits for the end of a read that it came just before.
        while not select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
            pass
        sys.stdin.readline()
        return answers(trained, rows)

    candidates._answers = held
    asked = the_problem()
    place = Place(address, HEARTBEAT_SECONDS, grace_seconds)
    worker_process(asked, place, asked.name, Budget(trials), workers=2)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
