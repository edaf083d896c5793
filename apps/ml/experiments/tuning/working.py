"""One worker of a study: starts trials while the shared budget lasts; none is lost and none is counted twice.

Trials are counted and started under one lock, so that any number of processes together finish exactly as many as were
asked for. A trial whose worker died (no sign of life for the grace period, or none at all) is done again with the same
options; the attempt that died does not count. A trial that was interrupted is put back in the same way.
"""

import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.ml.experiments.tuning.objective import REASON, failures, objective
from apps.ml.experiments.tuning.problem import TuningProblem
from apps.ml.experiments.tuning.storage import Place, failures_of
from apps.ml.experiments.tuning.study import OpenStudy, opened

RETRY_OF, GRID_POINT = "retry_of", "grid_point"
"""User attributes: numbers of the attempts that a trial repeats; place of its options in the grid."""

MOST_ATTEMPTS = 5
"""A trial that so many workers did not survive is failed."""

WAIT_SECONDS = 0.3
RUNGS_OF_OPTUNA = "completed_rung_"
"""Prefix of what a pruner notes on a trial; left out when it is done again, or it would pass the rungs unseen."""


ENDED_BY_OTHERS = ("Should not reach.", "Cannot tell a FAIL trial.")
"""Optuna's words about a trial that somebody else has ended."""


@dataclass(frozen=True)
class Budget:
    """Of a whole study. `until`: `time.time()` after which no trial is started, None: no limit."""

    trials: int
    until: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self.until is not None and time.time() >= self.until


@dataclass(frozen=True)
class Standing:
    """Trials of a study by what became of them; attempts that were repeated are not among them."""

    completed: int = 0
    pruned: int = 0
    failed: int = 0
    running: int = 0
    waiting: int = 0

    @property
    def finished(self) -> int:
        """Trials that count against the budget."""
        return self.completed + self.pruned + self.failed


def untold(trials: Sequence[Any]) -> None:
    """Say nothing."""


def standing(trials: Sequence[Any]) -> Standing:
    """Count the trials of a study; attempts that were repeated do not count, those still to be repeated are waiting."""
    from optuna.trial import TrialState

    repeated, again = _repeated(trials), {trial.number for trial in unfinished(trials)}
    counts = dict.fromkeys(TrialState, 0)
    for trial in trials:
        if trial.number not in repeated:
            counts[TrialState.WAITING if trial.number in again else trial.state] += 1
    return Standing(
        counts[TrialState.COMPLETE],
        counts[TrialState.PRUNED],
        counts[TrialState.FAIL],
        counts[TrialState.RUNNING],
        counts[TrialState.WAITING],
    )


def unfinished(trials: Sequence[Any]) -> list[Any]:
    """Return the trials that ended without a result and without a reason, and were not repeated yet."""
    from optuna.trial import TrialState

    repeated = _repeated(trials)
    return [
        trial
        for trial in trials
        if trial.state == TrialState.FAIL
        and REASON not in trial.user_attrs
        and trial.number not in repeated
        and len(trial.user_attrs.get(RETRY_OF, ())) + 1 < MOST_ATTEMPTS
    ]


def _repeated(trials: Sequence[Any]) -> set[int]:
    return {number for trial in trials for number in trial.user_attrs.get(RETRY_OF, ())}


def work(
    problem: TuningProblem,
    place: Place,
    name: str,
    budget: Budget,
    workers: int = 1,
    tell: Callable[[Sequence[Any]], None] = untold,
) -> None:
    """Work on a study until its budget is spent; `tell` is called with all trials after each one.

    Raises
    ------
    KeyboardInterrupt
        The worker was interrupted (also by SIGTERM); whoever resumes the study does its trial again.
    """
    with opened(problem, place, name, workers) as study, failures_of(place):
        Worker(problem, study, budget, tell).run()


class Worker:
    """Starts trials of an open study one after the other."""

    def __init__(
        self, problem: TuningProblem, opened: OpenStudy, budget: Budget, tell: Callable[[Sequence[Any]], None]
    ) -> None:
        self.problem, self.opened, self.budget, self.tell = problem, opened, budget, tell
        self.study, self.lock = opened.study, opened.lock
        self.points = problem.space.grid() if problem.tuning.sampler == "grid" else None
        self.number: int | None = None

    def run(self) -> None:
        """Work until the budget is spent."""
        run = objective(self.problem, self._started)
        while True:
            self.lock.acquire()
            try:
                wanted = self._wants_another()
                if wanted is None:
                    return
                if wanted:
                    self._one(run)
            finally:
                self.lock.release()
            if wanted:
                self.tell(self.study.get_trials(deepcopy=False))
            else:
                time.sleep(WAIT_SECONDS)

    def _wants_another(self) -> bool | None:
        """Whether a trial is to be started now; None where there is nothing left to do."""
        self._put_back_dead()
        found = standing(self.study.get_trials(deepcopy=False))
        most = self.budget.trials if self.points is None else min(self.budget.trials, len(self.points))
        if found.finished >= most or self.budget.is_over:
            return None
        return found.finished + found.running < most

    def _one(self, run: Callable[[Any], Any]) -> None:
        from optuna.exceptions import UpdateFinishedTrialError

        self.number = None
        if self.points is not None:
            self._enqueue_point(self.points)
        try:
            self.study.optimize(run, n_trials=1, catch=failures())
        except UpdateFinishedTrialError:
            self._require_ended_by_others()
        except (AssertionError, ValueError) as error:
            if str(error) not in ENDED_BY_OTHERS:
                raise
            self._require_ended_by_others()

    def _started(self, trial: Any) -> None:
        self.number = trial.number
        if not self.opened.place.in_memory:
            self.opened.storage.record_heartbeat(trial._trial_id)
        self.lock.release()

    def _enqueue_point(self, points: Sequence[dict[str, Any]]) -> None:
        """Hand out the next point of the grid, in an order drawn by the seed, unless a trial waits to be repeated."""
        from optuna.trial import TrialState

        trials = self.study.get_trials(deepcopy=False)
        if any(trial.state == TrialState.WAITING for trial in trials):
            return
        taken = {trial.user_attrs[GRID_POINT] for trial in trials if GRID_POINT in trial.user_attrs}
        order = np.random.default_rng(self.problem.tuning.seed).permutation(len(points)).tolist()
        point = next(place for place in order if place not in taken)
        self.study.enqueue_trial(points[point], user_attrs={GRID_POINT: point})

    def _put_back_dead(self) -> None:
        """End the trials of dead workers and queue them again. The caller holds the lock."""
        from optuna.exceptions import ExperimentalWarning
        from optuna.storages import fail_stale_trials
        from optuna.trial import TrialState

        if self.opened.place.in_memory:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            fail_stale_trials(self.study)
        for trial in self._without_sign_of_life():
            self.opened.storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        for trial in unfinished(self.study.get_trials(deepcopy=False)):
            self._repeat(trial)

    def _without_sign_of_life(self) -> list[Any]:
        """Trials whose worker died before its first heartbeat: who lives gives it before it gives the lock back."""
        import sqlalchemy
        from optuna.trial import TrialState

        with self.opened.storage.engine.connect() as connection:
            alive = set(connection.execute(sqlalchemy.text("select trial_id from trial_heartbeats")).scalars())
        return [trial for trial in self._in_state(TrialState.RUNNING) if trial._trial_id not in alive]

    def _repeat(self, trial: Any) -> None:
        """Queue the same options once more."""
        from optuna.trial import TrialState, create_trial

        kept = {key: value for key, value in trial.system_attrs.items() if not key.startswith(RUNGS_OF_OPTUNA)}
        point = {GRID_POINT: trial.user_attrs[GRID_POINT]} if GRID_POINT in trial.user_attrs else {}
        self.study.add_trial(
            create_trial(
                state=TrialState.WAITING,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs={**point, RETRY_OF: [*trial.user_attrs.get(RETRY_OF, ()), trial.number]},
                system_attrs=kept,
            )
        )

    def _require_ended_by_others(self) -> None:
        """Raise again, unless this process was asleep longer than the grace and its trial was taken from it."""
        from optuna.trial import TrialState

        if not any(trial.number == self.number for trial in self._in_state(TrialState.FAIL)):
            raise

    def _in_state(self, state: Any) -> list[Any]:
        return [trial for trial in self.study.get_trials(deepcopy=False) if trial.state == state]


@contextmanager
def ending_by_signal() -> Iterator[None]:
    """Let SIGTERM end a worker as Ctrl-C does; only the main thread of a process may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: Any) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
