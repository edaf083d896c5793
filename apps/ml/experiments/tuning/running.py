"""A study on this machine: in this process, or in several that share its storage."""

import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

from apps.ml.errors import BadInputError, FairMindError, ServiceUnavailableError
from apps.ml.experiments.tuning.problem import TuningProblem
from apps.ml.experiments.tuning.storage import Place
from apps.ml.experiments.tuning.study import OpenStudy
from apps.ml.experiments.tuning.working import Budget, Worker, ending_by_signal, standing, work

Tell = Callable[[Sequence[Any]], None]

POLL_SECONDS = 0.5
INTERRUPTED = 130
"""Exit code of a process that Ctrl-C ended."""


def run_here(problem: TuningProblem, study: OpenStudy, budget: Budget, tell: Tell) -> None:
    """Work on an open study in this process until its budget is spent."""
    with ending_by_signal():
        Worker(problem, study, budget, tell).run()


def run_in_processes(
    problem: TuningProblem, study: OpenStudy, name: str, budget: Budget, workers: int, tell: Tell
) -> None:
    """Start `workers` processes that share the storage of an open study, and wait for them.

    A worker that dies takes no trial with it: the others do it again. `tell` is called now and then with all trials.

    Raises
    ------
    ServiceUnavailableError
        No worker is left, and the budget is not spent.
    """
    require_shared(study.place, workers)
    context = get_context("spawn")
    arguments = (problem, study.place, name, budget, workers)
    processes: list[BaseProcess] = [context.Process(target=worker_process, args=arguments) for _ in range(workers)]
    with ending_by_signal():
        try:
            for process in processes:
                process.start()
            while any(process.is_alive() for process in processes):
                tell(study.study.get_trials(deepcopy=False))
                time.sleep(POLL_SECONDS)
        finally:
            _end(processes)
    require_spent(study, problem, budget)


def worker_process(problem: TuningProblem, place: Place, name: str, budget: Budget, workers: int) -> None:
    """Work on a study in a process of its own; errors are said on stderr and in the exit code."""
    with ending_by_signal():
        try:
            work(problem, place, name, budget, workers)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except FairMindError as error:
            print(f"error: a worker ended: {error}", file=sys.stderr)
            sys.exit(error.exit_code)


def require_shared(place: Place, workers: int) -> None:
    """Refuse several workers on a study that lives in one process."""
    if place.in_memory:
        raise BadInputError(
            f"{workers} workers cannot share a study that is kept in memory. Give a file or a database by --storage."
        )


def require_spent(study: OpenStudy, problem: TuningProblem, budget: Budget) -> None:
    """Refuse to take a study for finished whose workers ended before its budget was spent."""
    if budget.is_over:
        return
    found = standing(study.study.get_trials(deepcopy=False))
    most = min(budget.trials, len(problem.space.grid())) if problem.tuning.sampler == "grid" else budget.trials
    if found.finished < most:
        raise ServiceUnavailableError(
            f"all workers ended after {found.finished} of {most} trials; what they said stands above. Mend it and run "
            "the command again: it goes on where they stopped."
        )


def _end(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        if process.is_alive():
            process.terminate()
    for process in processes:
        if process.pid is not None:
            process.join()
