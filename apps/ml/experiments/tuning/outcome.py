"""What a study found, in one place: counts, winner, front, importance; what report, command and publisher read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.ml.experiments.tuning.front import MEANINGS, Picked, Placed, front_of, picked
from apps.ml.experiments.tuning.importance import Importance, option_importance
from apps.ml.experiments.tuning.problem import TuningProblem
from apps.ml.experiments.tuning.records import TrialRecord, best, completed
from apps.ml.experiments.tuning.winner import experiment_line, winner_values

FORMAT = 1
TWO_NUMBERS = "two things are made small, so no trial is given up on the way: neither number is above the other"


@dataclass(frozen=True)
class Outcome:
    """A study's result.

    `front` is empty where one number is made small. `spent`: the resource of all trials, in whole trials.
    """

    name: str
    problem: TuningProblem
    records: tuple[TrialRecord, ...]
    best: TrialRecord
    picked: Picked
    front: tuple[Placed, ...]
    importance: Importance

    @property
    def spent(self) -> float:
        """Resource of all trials in whole trials."""
        return sum(record.share_spent for record in self.records)

    def count(self, state: str) -> int:
        """Trials that ended in a state."""
        return sum(record.state == state for record in self.records)

    @property
    def values(self) -> Mapping[str, Any]:
        """The picked trial as values of params.yaml; empty where none is picked."""
        return {} if self.picked.record is None else winner_values(self.picked.record)

    def notes(self) -> list[str]:
        """Return what a reader should know about how the study was made."""
        problem, said = self.problem, []
        if problem.unfairness is not None and problem.tuning.pruner != "none":
            said.append(f"`pruner: {problem.tuning.pruner}` was not used: {TWO_NUMBERS}.")
        if len(problem.folds) < 2:
            said.append("One fold was measured, so no number has a standard error.")
        said.append(
            "The losses steered the search, so the winner's is too good by selection; its evidence on test rows is "
            "what counts."
        )
        return said

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content of study.json: nothing in it depends on time."""
        problem = self.problem
        chosen = self.picked.record
        return {
            "format": FORMAT,
            "study": self.name,
            "dataset": problem.schema.dataset,
            "identity": dict(problem.identity),
            "sampler": problem.tuning.sampler,
            "pruner": problem.tuning.pruner if problem.prunes else "none",
            "seed": problem.tuning.seed,
            "metric": problem.loss.name,
            "loss": problem.loss.title,
            "unfairness": None if problem.unfairness is None else problem.unfairness.title,
            "validation": {"method": problem.method, "folds": _folds(problem)},
            "rungs": {name: list(problem.ladder(name).rungs) for name in problem.space.options},
            "space": problem.space.to_dict(),
            "trials": {state: self.count(state) for state in ("complete", "pruned", "failed")},
            "resource_spent": {"whole_trials": self.spent, **_spent_units(self.records)},
            "best": _described(self.best, problem),
            "picked": None if chosen is None else _described(chosen, problem),
            "picked_by": self.picked.reason,
            "values": dict(self.values),
            "experiment": experiment_line(self.values) if self.values else None,
            "front": [
                {
                    "trial": one.record.number,
                    "loss": one.loss,
                    "loss_error": one.record.loss_error,
                    "unfairness": one.unfairness,
                    "unfairness_error": one.record.unfairness_error,
                    "standing": one.standing,
                }
                for one in self.front
            ],
            "standings": dict(MEANINGS) if self.front else {},
            "importance": self.importance.to_dict(),
            "failures": _failures(self.records),
            "notes": self.notes(),
        }


def outcome_of(name: str, problem: TuningProblem, records: Sequence[TrialRecord]) -> Outcome:
    """Judge the finished trials.

    Raises
    ------
    BadInputError
        No trial was trained to the end.
    """
    completed(records)
    lowest = best(records)
    chosen = picked(records, problem.tuning.pick)
    estimator = (chosen.record or lowest).estimator
    return Outcome(
        name,
        problem,
        tuple(records),
        lowest,
        chosen,
        front_of(records),
        option_importance(records, estimator, problem.space.options[estimator], problem.tuning.seed),
    )


def _folds(problem: TuningProblem) -> list[dict[str, int]]:
    return [
        {"fitted": len(fold.fit.labels), "watched": len(fold.watched.labels), "measured": len(fold.measured.labels)}
        for fold in problem.folds
    ]


def _spent_units(records: Sequence[TrialRecord]) -> dict[str, int]:
    units: dict[str, int] = {}
    for record in records:
        if record.resource:
            units[record.resource] = units.get(record.resource, 0) + record.spent
    return units


def _described(record: TrialRecord, problem: TuningProblem) -> dict[str, Any]:
    content = {key: value for key, value in record.to_dict().items() if key not in ("looks", "reason")}
    metric = {} if record.loss is None else {problem.loss.name: problem.loss.metric(record.loss)}
    return {**content, **metric}


def _failures(records: Sequence[TrialRecord]) -> dict[str, int]:
    reasons = [record.reason for record in records if record.state == "failed"]
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}
