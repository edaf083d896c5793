"""One trial: trained in all folds in lock-step, compared at rungs, given up or finished, with what it spent."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from apps.ml.errors import FairMindError
from apps.ml.experiments.tuning.candidates import Candidate, FoldMeasure, GrowingCandidate, candidate
from apps.ml.experiments.tuning.losses import UndefinedLossError
from apps.ml.experiments.tuning.problem import TuningProblem
from apps.ml.experiments.tuning.resources import resource_of

NOTE, SECONDS, REASON = "note", "seconds", "reason"
"""User attributes of a trial: what it measured and spent, how long it took, and why it failed."""

LONGEST_REASON = 300


@dataclass
class Note:
    """What is stored about a trial, rewritten at each rung.

    `resource`, `spent`, `full`: units so far and units of a whole trial, over all folds. `looks`: (units, mean loss).
    `kept`: the units of the look with the lowest loss, where the resource is rounds or epochs. `fold_losses`: at the
    kept look. `unfairness`, `fold_unfairness`: over all folds together and one by one, None where undefined.
    """

    resource: str
    full: int
    spent: int = 0
    looks: list[list[float]] = field(default_factory=list)
    kept: int | None = None
    fold_losses: list[float] = field(default_factory=list)
    unfairness: float | None = None
    fold_unfairness: list[float | None] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return dict(self.__dict__)


LOOKS_OF_PATIENCE = 2
"""Looks without a lower loss after which a growing model may stop early."""


class Trial:
    """A suggestion on its way up the rungs, without anything of the library that suggests.

    With `model_training.early_stopping`, a growing model stops when its loss has not fallen for `rounds` rounds and for
    :data:`LOOKS_OF_PATIENCE` looks; it then counts as trained to the end.
    """

    def __init__(self, problem: TuningProblem, suggested: Any) -> None:
        self.problem = problem
        self.ladder = problem.ladder(suggested.estimator)
        self.candidate: Candidate = candidate(problem, suggested)
        self.grows = isinstance(self.candidate, GrowingCandidate)
        training = problem.training.model_copy(update={"estimator": suggested.estimator})
        self.note = Note(resource_of(training, problem.task), self.candidate.full)
        self.best: tuple[FoldMeasure, ...] = ()
        self.loss = float("inf")
        self.has_stopped = False

    def climb(self, rung: int) -> float:
        """Give the trial what a rung allows and return what is compared there: the loss; of a growing model the lowest
        so far."""
        for units in self.ladder.looks(rung) if self.grows else (self.ladder.rungs[rung],):
            if not self.has_stopped:
                self._look(units)
        self.note.fold_losses = [measure.loss for measure in self.best]
        return self.loss

    def _look(self, units: int) -> None:
        measures = self.candidate.measure(units)
        loss = float(np.mean([measure.loss for measure in measures]))
        self.note.spent = self.candidate.spent
        self.note.looks.append([units, loss])
        if loss < self.loss or not self.grows:
            self.loss, self.best = loss, measures
            self.note.kept = units if self.grows else None
        self.has_stopped = self._patience_is_over(units)

    def _patience_is_over(self, units: int) -> bool:
        early, kept = self.problem.training.early_stopping, self.note.kept
        if kept is None or not early.enabled:
            return False
        since = sum(look[0] > kept for look in self.note.looks)
        return since >= LOOKS_OF_PATIENCE and units - kept >= early.rounds

    def unfairness(self) -> float | None:
        """Return the gap at the kept look, and note it fold by fold; None where none is measured."""
        wanted = self.problem.unfairness
        counted = [measure.counted for measure in self.best if measure.counted is not None]
        if wanted is None:
            return None
        self.note.unfairness = wanted.value(counted)
        self.note.fold_unfairness = [_alone(wanted, one) for one in counted]
        return self.note.unfairness


def _alone(wanted: Any, counted: Any) -> float | None:
    try:
        return float(wanted.value([counted]))
    except UndefinedLossError:
        return None


def failures() -> tuple[type[Exception], ...]:
    """Return what makes a trial fail while the study goes on: numbers that diverge, fits that refuse the options."""
    from lightgbm.basic import LightGBMError

    return (ArithmeticError, ValueError, LightGBMError, FairMindError)


def objective(problem: TuningProblem, started: Callable[[Any], None]) -> Callable[[Any], float | tuple[float, float]]:
    """Return what Optuna calls with a trial; `started` is called first, once the trial is known to the storage."""
    levels = problem.levels

    def run(trial: Any) -> float | tuple[float, float]:
        started(trial)
        begun = time.perf_counter()
        try:
            return _run(problem, levels, trial)
        except failures() as error:
            trial.set_user_attr(REASON, _said(error))
            raise
        finally:
            trial.set_user_attr(SECONDS, time.perf_counter() - begun)

    return run


def _run(problem: TuningProblem, levels: int, trial: Any) -> float | tuple[float, float]:
    from optuna import TrialPruned

    own = Trial(problem, problem.space.suggest(trial))
    last = len(own.ladder.rungs) - 1
    try:
        for rung in range(last + 1):
            loss = own.climb(rung)
            if rung == last:
                break
            trial.set_user_attr(NOTE, own.note.to_dict())
            trial.report(loss, own.ladder.step(rung, levels))
            # Asked of a trial that has stopped, too: others are compared with it.
            if trial.should_prune() and not own.has_stopped:
                raise TrialPruned
        unfairness = own.unfairness()
    finally:
        own.note.spent = own.candidate.spent
        trial.set_user_attr(NOTE, own.note.to_dict())
    return own.loss if unfairness is None else (own.loss, unfairness)


def _said(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:LONGEST_REASON]


def standard_error(values: Sequence[float | None]) -> float | None:
    """Return the standard error of a mean over folds; None for fewer than two values or an undefined one.

    Folds share training rows, so it is smaller than the truth: it orders, and proves nothing.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2 or len(known) < len(values):
        return None
    return float(np.std(known, ddof=1) / np.sqrt(len(known)))
