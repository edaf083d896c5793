"""One suggestion, fitted in all folds in lock-step: measured as far as it has come, and given more."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION
from apps.ml.experiments.tuning.problem import EncodedFold, TuningProblem
from apps.ml.experiments.tuning.resources import grows
from apps.ml.experiments.tuning.spaces import Suggested
from apps.ml.experiments.tuning.unfairness import Counted
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.fitting import Fit, Rows
from apps.ml.models.growing import Growing
from apps.ml.models.monotone import monotone_directions
from apps.ml.models.thresholds import choose_threshold
from apps.ml.models.training import TrainedModel, TrainingRows, balanced_weights, silent, train, with_codes
from apps.ml.parameters import EarlyStopping, ModelTraining

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FoldMeasure:
    """What the measured rows of one fold say: the loss, and counts by group where a gap is measured."""

    loss: float
    counted: Counted | None


class Candidate(Protocol):
    """A suggestion in the making. `full`: units of the whole, over all folds."""

    full: int

    @property
    def spent(self) -> int:
        """Units of the resource so far, over all folds."""

    def measure(self, units: int) -> tuple[FoldMeasure, ...]:
        """Give every fold `units` in all and measure it."""


def training_of(training: ModelTraining, suggested: Suggested) -> ModelTraining:
    """Return the section `model_training` with the suggested estimator and options."""
    options: Any = getattr(training.estimators, suggested.estimator)
    changed = type(options).model_validate({**options.model_dump(), **suggested.options})
    estimators = training.estimators.model_copy(update={suggested.estimator: changed})
    return training.model_copy(update={"estimator": suggested.estimator, "estimators": estimators})


def candidate(problem: TuningProblem, suggested: Suggested) -> Candidate:
    """Start a suggestion in the way in which its estimator grows."""
    training = training_of(problem.training, suggested)
    if grows(training, problem.task):
        return GrowingCandidate(problem, training)
    return RowsCandidate(problem, training)


class RowsCandidate:
    """Fitted anew, mitigation and calibration included, on growing, nested, stratified shares of each fold's rows."""

    def __init__(self, problem: TuningProblem, training: ModelTraining) -> None:
        self.problem, self.training = problem, training
        self._spent = 0
        self.full = sum(len(fold.fit.labels) for fold in problem.folds)

    @property
    def spent(self) -> int:
        """Rows that were fitted so far, over all folds."""
        return self._spent

    def measure(self, units: int) -> tuple[FoldMeasure, ...]:
        """See :class:`Candidate`; folds of other sizes are given the same share."""
        share = units / max(len(fold.fit.labels) for fold in self.problem.folds)
        return tuple(self._measure(fold, share) for fold in self.problem.folds)

    def _measure(self, fold: EncodedFold, share: float) -> FoldMeasure:
        count = max(1, round(min(share, 1.0) * len(fold.fit.labels)))
        rows = fold.fit if count == len(fold.fit.labels) else taken(fold.fit, fold.order[:count])
        watched = fold.watched if len(fold.watched.labels) else rows
        with quiet_divergence():
            trained = train(self.training, rows, watched, silent, self.problem.task, self.problem.group, fold.sources)
            scores, decision_scores = _answers(trained, fold.measured)
        self._spent += count
        decisions = None if trained.threshold is None else (decision_scores >= trained.threshold).astype(np.int8)
        return _measured(self.problem, fold, scores, decisions)


class GrowingCandidate:
    """Grown round by round or epoch by epoch, all folds to the same number."""

    def __init__(self, problem: TuningProblem, training: ModelTraining) -> None:
        self.problem, self.training = problem, training
        entry, options = ESTIMATORS[training.estimator], getattr(training.estimators, training.estimator)
        maximum = problem.ladder(training.estimator).maximum
        self.full = maximum * len(problem.folds)
        self.growing: list[Growing] = []
        if entry.grow is None:
            raise TypeError(f"{training.estimator} does not grow")
        for fold in problem.folds:
            with quiet_divergence():
                self.growing.append(entry.grow(options, self._fit(fold)))

    @property
    def spent(self) -> int:
        """Units so far, over all folds."""
        return sum(each.spent for each in self.growing)

    def measure(self, units: int) -> tuple[FoldMeasure, ...]:
        """See :class:`Candidate`."""
        return tuple(
            self._measure(fold, each, units) for fold, each in zip(self.problem.folds, self.growing, strict=True)
        )

    def _fit(self, fold: EncodedFold) -> Fit:
        training = self.training
        rows = _weighted(fold.fit, fold.fit, training)
        watched = _weighted(fold.watched, fold.fit, training)
        directions = monotone_directions(training.monotone, fold.sources)
        never = EarlyStopping(enabled=False)
        return Fit(rows, watched, training.seed, never, silent, self.problem.task, directions)

    def _measure(self, fold: EncodedFold, growing: Growing, units: int) -> FoldMeasure:
        with quiet_divergence():
            growing.grow_to(units)
            scores = growing.score(fold.measured.X)
        return _measured(self.problem, fold, scores, self._decisions(fold, growing, scores))

    def _decisions(self, fold: EncodedFold, growing: Growing, scores: Numbers) -> npt.NDArray[np.int8] | None:
        problem, rule = self.problem, self.training.threshold
        if problem.task != CLASSIFICATION or not (problem.loss.needs_decisions or problem.unfairness):
            return None
        watched = np.empty(0) if rule.rule == "fixed" else growing.score(fold.watched.X)
        threshold = choose_threshold(rule, np.asarray(fold.watched.labels, dtype=np.int8), watched)
        return (scores >= threshold).astype(np.int8)


def taken(rows: TrainingRows, positions: npt.NDArray[np.int64]) -> TrainingRows:
    """Return some of the rows, in the order in which they stand."""
    at = np.sort(positions)
    return TrainingRows(rows.X[at], rows.labels[at], None if rows.codes is None else rows.codes[at])


@contextmanager
def quiet_divergence() -> Iterator[None]:
    """Say nothing of overflows on the way: a score that is not finite is told as the reason of a failed trial."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _weighted(rows: TrainingRows, fitted: TrainingRows, training: ModelTraining) -> Rows:
    if training.class_weight == "none":
        return Rows(rows.X, rows.labels)
    table = balanced_weights(np.asarray(fitted.labels, dtype=np.int8))
    return Rows(rows.X, rows.labels, table[np.asarray(rows.labels, dtype=np.int8)])


def _answers(trained: TrainedModel, rows: TrainingRows) -> tuple[Numbers, Numbers]:
    """Return scores and decision scores [n]."""
    X = with_codes(rows) if getattr(trained.estimator, "takes_group", False) else rows.X
    scores = trained.scores(X)
    if trained.adjustment is None:
        return scores, scores
    return scores, trained.adjustment.decision_scores(scores, with_codes(rows))


def _measured(
    problem: TuningProblem, fold: EncodedFold, scores: Numbers, decisions: npt.NDArray[np.int8] | None
) -> FoldMeasure:
    labels = fold.measured.labels
    loss = problem.loss.value(labels, scores, decisions)
    if problem.unfairness is None or fold.groups is None:
        return FoldMeasure(loss, None)
    return FoldMeasure(loss, problem.unfairness.counted(labels, scores, decisions, fold.groups))
