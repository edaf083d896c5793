"""One worker: counts, resumption, seeds, grids, failures; in memory and in a SQLite file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from apps.ml.errors import BadInputError
from apps.ml.experiments.tuning import candidates
from apps.ml.experiments.tuning.problem import TuningProblem
from apps.ml.experiments.tuning.records import TrialRecord, completed, trial_records
from apps.ml.experiments.tuning.storage import Place
from apps.ml.experiments.tuning.study import opened
from apps.ml.experiments.tuning.working import Budget, Worker, standing, untold
from apps.ml.tests.small_tuning import problem

MEMORY = Place()


def studied(
    asked: TuningProblem, budget: Budget, place: Place = MEMORY, name: str | None = None
) -> tuple[TrialRecord, ...]:
    """Work on a study and return its trials."""
    with opened(asked, place, name or asked.name) as study:
        Worker(asked, study, budget, untold).run()
        return trial_records(asked, study.study.get_trials())


def _nothing_finite(trained: Any, rows: Any) -> Any:
    return (np.full(len(rows.labels), np.nan),) * 2


def tried(records: tuple[TrialRecord, ...]) -> list[dict[str, Any]]:
    return [{"estimator": record.estimator, **record.options} for record in records]


@pytest.fixture(scope="module")
def quick() -> TuningProblem:
    return problem()


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2"])
def test_a_study_that_was_interrupted_suggests_what_an_unbroken_one_does(sampler: str, tmp_path: Path) -> None:
    asked = problem(
        {"sampler": sampler, "estimators": ["naive_bayes", "logistic_regression"], "validation": {"folds": 2}}
    )
    unbroken = studied(asked, Budget(14))
    place = Place(f"sqlite:///{tmp_path / 'study.db'}")
    for trials in (5, 12, 14):
        resumed = studied(asked, Budget(trials), place)
    assert tried(resumed) == tried(unbroken)
    assert len({str(one) for one in tried(unbroken)}) >= 12


def test_the_budget_counts_all_trials_of_the_study(quick: TuningProblem, tmp_path: Path) -> None:
    place = Place(f"sqlite:///{tmp_path / 'study.db'}")
    assert len(studied(quick, Budget(3), place)) == 3
    assert len(studied(quick, Budget(3), place)) == 3
    assert len(studied(quick, Budget(5), place)) == 5


def test_no_trial_is_started_when_the_time_is_up(quick: TuningProblem) -> None:
    assert studied(quick, Budget(3, until=0.0)) == ()


def test_a_grid_is_searched_whole_and_once(tmp_path: Path) -> None:
    search = {"naive_bayes": {"var_smoothing": {"values": [1e-9, 1e-6, 1e-3, 1e-1]}}}
    asked = problem({"sampler": "grid", "search": search, "validation": {"method": "holdout"}})
    place = Place(f"sqlite:///{tmp_path / 'study.db'}")
    assert len(studied(asked, Budget(3), place)) == 3
    records = studied(asked, Budget(100), place)
    assert sorted(record.options["var_smoothing"] for record in records) == [1e-9, 1e-6, 1e-3, 1e-1]


def test_a_diverging_trial_fails_with_its_reason_and_the_study_goes_on(
    quick: TuningProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = candidates._answers
    calls = iter(range(100))

    def diverging(trained: Any, rows: Any) -> Any:
        scores, decided = answers(trained, rows)
        return (np.full(len(scores), np.nan), decided) if next(calls) == 4 else (scores, decided)

    monkeypatch.setattr(candidates, "_answers", diverging)
    records = studied(quick, Budget(4))
    assert [record.state for record in records] == ["complete", "failed", "complete", "complete"]
    assert records[1].reason == "400 of 400 scores are not finite: the fit diverged"
    assert records[1].spent == 2 * 800
    assert records[1].loss is None


def test_a_study_without_a_whole_trial_says_why(quick: TuningProblem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_answers", _nothing_finite)
    with pytest.raises(BadInputError, match=r"no trial was trained to the end: 0 were pruned, 2 failed .*diverged"):
        completed(studied(quick, Budget(2)))


def test_pruned_trials_spend_less_and_the_best_is_never_pruned_at_the_top() -> None:
    asked = problem({"estimators": ["logistic_regression"], "pruner": "successive_halving", "trials": 12})
    records = studied(asked, Budget(12))
    pruned = [record for record in records if record.state == "pruned"]
    assert pruned
    assert all(record.spent < record.full for record in pruned)
    assert all(record.looks[-1][0] < 800 for record in pruned)
    assert all(record.looks[-1][0] == 800 for record in records if record.state == "complete")


def test_two_runs_in_memory_are_the_same(quick: TuningProblem) -> None:
    first, second = studied(quick, Budget(4)), studied(quick, Budget(4))
    assert [record.to_dict() for record in first] == [record.to_dict() for record in second]


def test_other_data_settings_or_space_are_refused_by_name(quick: TuningProblem, tmp_path: Path) -> None:
    place = Place(f"sqlite:///{tmp_path / 'study.db'}")
    studied(quick, Budget(1), place, "mine")
    narrowed = problem({"search": {"naive_bayes": {"var_smoothing": [1e-9, 1e-8]}}})
    with pytest.raises(BadInputError, match="'mine' was made on another search space"):
        studied(narrowed, Budget(1), place, "mine")
    with pytest.raises(BadInputError, match="other settings"):
        studied(problem({"seed": 1}), Budget(1), place, "mine")
    assert len({quick.name, narrowed.name, problem({"seed": 1}).name}) == 3
    assert problem({"trials": 77}).name == quick.name


def test_an_interrupted_trial_is_done_again_and_not_counted_twice(
    quick: TuningProblem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(f"sqlite:///{tmp_path / 'study.db'}")
    unbroken = tried(studied(quick, Budget(3)))

    def interrupted(trained: Any, rows: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(candidates, "_answers", interrupted)
        with pytest.raises(KeyboardInterrupt):
            studied(quick, Budget(3), place)
    with opened(quick, place, quick.name) as study:
        assert standing(study.study.get_trials()).waiting == 1
    records = studied(quick, Budget(3), place)
    assert len(records) == 3
    assert tried(records)[0] == unbroken[0]
    with opened(quick, place, quick.name) as study:
        found = standing(study.study.get_trials())
    assert (found.completed, found.failed, found.running, found.waiting) == (3, 0, 0, 0)


def test_a_worker_that_slept_too_long_gives_its_trial_up_and_goes_on(
    quick: TuningProblem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else took it for dead and ended its trial; the trial is repeated and counted once."""
    place = Place(f"sqlite:///{tmp_path / 'study.db'}")
    answers = candidates._answers
    with opened(quick, place, quick.name) as study:

        def ended(trained: Any, rows: Any) -> Any:
            monkeypatch.setattr(candidates, "_answers", answers)
            (running,) = study.study.get_trials(states=(TrialState.RUNNING,))
            study.storage.set_trial_state_values(running._trial_id, TrialState.FAIL)
            return answers(trained, rows)

        monkeypatch.setattr(candidates, "_answers", ended)
        Worker(quick, study, Budget(2), untold).run()
        found = standing(study.study.get_trials())
        assert len(study.study.get_trials()) == 3
    assert (found.completed, found.finished, found.waiting) == (2, 2, 0)
