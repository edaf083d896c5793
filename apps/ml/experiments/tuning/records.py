"""Trials as everything else reads them: what was tried, what came of it, what it cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from apps.ml.errors import BadInputError
from apps.ml.experiments.tuning.objective import NOTE, REASON, SECONDS, standard_error
from apps.ml.experiments.tuning.problem import TuningProblem
from apps.ml.experiments.tuning.working import RETRY_OF

State = Literal["complete", "pruned", "failed"]
STATES: Mapping[str, State] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


@dataclass(frozen=True)
class TrialRecord:
    """One finished trial.

    `loss`: the mean over folds; of a pruned trial where it was given up, None of a failed one. `loss_error`,
    `unfairness_error`: standard errors over folds. `kept`: rounds or epochs with the lowest loss, None where the
    resource is rows. `spent`, `full`: units of `resource`, of the trial and of a whole one, over all folds. `looks`:
    (units, mean loss). `reason`: why it failed. `seconds` are not the same from run to run.
    """

    number: int
    state: State
    estimator: str
    options: Mapping[str, Any]
    loss: float | None
    loss_error: float | None
    unfairness: float | None
    unfairness_error: float | None
    resource: str
    kept: int | None
    spent: int
    full: int
    looks: tuple[tuple[int, float], ...]
    reason: str
    seconds: float

    @property
    def share_spent(self) -> float:
        """Resource in whole trials; above 1 where rows were fitted anew at every rung."""
        return self.spent / self.full if self.full else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, without seconds."""
        content = {key: value for key, value in self.__dict__.items() if key not in ("seconds", "looks", "options")}
        return {**content, "options": dict(self.options), "looks": [list(look) for look in self.looks]}


def trial_records(problem: TuningProblem, trials: Sequence[Any]) -> tuple[TrialRecord, ...]:
    """Return the finished trials in the order of their numbers; attempts that were repeated are left out."""
    repeated = {number for trial in trials for number in trial.user_attrs.get(RETRY_OF, ())}
    return tuple(
        _record(problem, trial)
        for trial in sorted(trials, key=lambda trial: int(trial.number))
        if trial.state.name in STATES and trial.number not in repeated and _is_told(trial)
    )


def completed(records: Sequence[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Return the trials that were trained to the end.

    Raises
    ------
    BadInputError
        There are none; the message says what became of them.
    """
    found = tuple(record for record in records if record.state == "complete")
    if not found:
        reasons = sorted({record.reason for record in records if record.reason})
        pruned = sum(record.state == "pruned" for record in records)
        listed = "; ".join(reasons[:3])
        raise BadInputError(
            f"no trial was trained to the end: {pruned} were pruned, {len(records) - pruned} failed"
            + (f" ({listed})" if listed else "")
            + ". Give more trials, or another space under model_tuning.search."
        )
    return found


def best(records: Sequence[TrialRecord]) -> TrialRecord:
    """Return the completed trial with the lowest loss; of equal ones the first."""
    return min(completed(records), key=lambda record: (_number(record.loss), record.number))


def _number(value: float | None) -> float:
    return float("inf") if value is None else value


def _is_told(trial: Any) -> bool:
    return trial.state.name != "FAIL" or bool(trial.params)


def _record(problem: TuningProblem, trial: Any) -> TrialRecord:
    note: dict[str, Any] = trial.user_attrs.get(NOTE, {})
    suggested = problem.space.suggested(trial.params)
    state = STATES[trial.state.name]
    looks = tuple((int(units), float(loss)) for units, loss in note.get("looks", ()))
    failed = state == "failed"
    values = [] if failed else list(trial.values or ())
    folds = () if failed else note.get("fold_losses", ())
    return TrialRecord(
        number=int(trial.number),
        state=state,
        estimator=suggested.estimator,
        options=dict(suggested.options),
        loss=float(values[0]) if values else None,
        loss_error=standard_error(list(folds)),
        unfairness=float(values[1]) if len(values) > 1 else None,
        unfairness_error=standard_error(note.get("fold_unfairness", ())),
        resource=str(note.get("resource", "")),
        kept=note.get("kept"),
        spent=int(note.get("spent", 0)),
        full=int(note.get("full", 0)),
        looks=looks,
        reason=_reason(trial) if failed else "",
        seconds=float(trial.user_attrs.get(SECONDS, 0.0)),
    )


def _reason(trial: Any) -> str:
    return str(trial.user_attrs.get(REASON, "its worker did not survive it"))
