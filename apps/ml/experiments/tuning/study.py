"""A study in its place: made once, found again, and refused where it is one of other data or another space."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from apps.ml.errors import BadInputError
from apps.ml.experiments.tuning.problem import PARTS_OF_IDENTITY, TuningProblem
from apps.ml.experiments.tuning.samplers import pruner_for, sampler_for
from apps.ml.experiments.tuning.storage import Place, StudyLock, close_storage, failures_of, open_storage

IDENTITY = "identity"
"""User attribute of a study: part of what it searches on → digest."""

WHAT = {
    "data": "other rows",
    "features": "another feature specification",
    "space": "another search space",
    "settings": "other settings of model_training or model_tuning",
}


@dataclass(frozen=True)
class OpenStudy:
    """A study, its storage, and the lock under which trials are started."""

    study: Any
    storage: Any
    lock: StudyLock
    place: Place


@contextmanager
def opened(
    problem: TuningProblem, place: Place, name: str, workers: int = 1, must_exist: bool = False
) -> Iterator[OpenStudy]:
    """Open a study, made if need be.

    Raises
    ------
    BadInputError
        It does not exist and `must_exist`; or it searches on something else than `problem`.
    ServiceUnavailableError
        Its database does not answer.
    """
    lock = StudyLock(place)
    storage = open_storage(place, lock)
    try:
        with failures_of(place):
            with lock:
                study = _found_or_made(problem, storage, name, workers, must_exist, place)
            yield OpenStudy(study, storage, lock, place)
    finally:
        with failures_of(place):
            lock.close()
            close_storage(storage)


def _found_or_made(
    problem: TuningProblem, storage: Any, name: str, workers: int, must_exist: bool, place: Place
) -> Any:
    import optuna

    existing = {summary.study_name for summary in optuna.get_all_study_summaries(storage)}
    parts: dict[str, Any] = {"sampler": sampler_for(problem, workers), "pruner": pruner_for(problem)}
    if name in existing:
        study = optuna.load_study(study_name=name, storage=storage, **parts)
        _require_same(study, problem, name)
        return study
    if must_exist:
        raise BadInputError(
            f"{place.shown} holds no study '{name}' to resume. Run without --resume to begin it, or give the --study "
            "and --storage of the one that was begun."
        )
    directions: Any = ["minimize"] if problem.unfairness is None else ["minimize", "minimize"]
    study = optuna.create_study(study_name=name, storage=storage, directions=directions, **parts)
    study.set_user_attr(IDENTITY, problem.identity)
    return study


def _require_same(study: Any, problem: TuningProblem, name: str) -> None:
    known = study.user_attrs.get(IDENTITY, {})
    different = [WHAT[part] for part in PARTS_OF_IDENTITY if known.get(part) != problem.identity[part]]
    if different:
        raise BadInputError(
            f"the study '{name}' was made on {' and on '.join(different)}, so its trials cannot be compared with new "
            "ones. Leave out --study, so that the study gets a name of its own, or give another name."
        )
