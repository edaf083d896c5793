"""Report and importance of a finished study."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from apps.ml.experiments.tuning.importance import option_importance
from apps.ml.experiments.tuning.outcome import Outcome, outcome_of
from apps.ml.experiments.tuning.overrides import Searched
from apps.ml.experiments.tuning.records import trial_records
from apps.ml.experiments.tuning.report import write_report
from apps.ml.experiments.tuning.storage import Place
from apps.ml.experiments.tuning.study import opened
from apps.ml.experiments.tuning.working import Budget, Worker, untold
from apps.ml.files import read_json
from apps.ml.parameters.search import Range
from apps.ml.tests.code.experiments.tuning.test_front import record
from apps.ml.tests.small_tuning import problem


def made(**tuning: object) -> Outcome:
    asked = problem({"validation": {"folds": 2}, **tuning})
    with opened(asked, Place(), asked.name) as study:
        Worker(asked, study, Budget(asked.tuning.trials), untold).run()
        return outcome_of(asked.name, asked, trial_records(asked, study.study.get_trials()))


@pytest.fixture(scope="module")
def several() -> Outcome:
    return made(
        estimators=["naive_bayes", "lightgbm"],
        pruner="successive_halving",
        trials=8,
        search={"lightgbm": {"num_leaves": [2, 6]}},
    )


@pytest.fixture(scope="module")
def fair() -> Outcome:
    wanted = {"metric": "demographic_parity_difference", "attribute": "sex"}
    return made(unfairness=wanted, pruner="hyperband", pick={"rule": "knee"})


def test_the_files_are_the_same_for_the_same_study(several: Outcome, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_report(tmp_path / name, several)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["history.png", "importance.png", "learning_curves.png", "study.json", "trials.csv", "tuning.md"]
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    assert not any(
        "seconds" in (tmp_path / "a" / name).read_text() for name in ("study.json", "trials.csv", "tuning.md")
    )


def test_the_numbers_are_those_of_the_trials(several: Outcome, tmp_path: Path) -> None:
    write_report(tmp_path, several)
    trials, study = pd.read_csv(tmp_path / "trials.csv"), read_json(tmp_path / "study.json")
    assert trials["number"].tolist() == [one.number for one in several.records]
    assert study["best"]["loss"] == pytest.approx(trials.loc[trials["state"] == "complete", "loss"].min())
    assert sum(study["trials"].values()) == len(trials) == 8
    assert study["resource_spent"]["whole_trials"] == pytest.approx((trials["spent"] / trials["full"]).sum())
    assert set(trials["lightgbm.num_leaves"].dropna()) <= set(range(2, 7))


def test_with_two_numbers_there_is_a_front_and_no_pruning(fair: Outcome, tmp_path: Path) -> None:
    write_report(tmp_path, fair)
    study = read_json(tmp_path / "study.json")
    assert (tmp_path / "front.png").exists()
    assert len(pd.read_csv(tmp_path / "front.csv")) == fair.count("complete") == 5
    assert study["pruner"] == "none"
    assert any("`pruner: hyperband` was not used" in note for note in study["notes"])
    assert study["picked"]["number"] in {one["trial"] for one in study["front"] if one["standing"] == "front"}


def test_an_older_report_leaves_no_file_behind(fair: Outcome, several: Outcome, tmp_path: Path) -> None:
    write_report(tmp_path, fair)
    write_report(tmp_path, several)
    assert not (tmp_path / "front.csv").exists()
    assert not (tmp_path / "front.png").exists()


def test_pictures_are_not_empty(fair: Outcome, tmp_path: Path) -> None:
    write_report(tmp_path, fair)
    for path in tmp_path.glob("*.png"):
        assert len(np.unique(np.asarray(Image.open(path).convert("L")))) > 20


def test_the_option_that_makes_the_loss_is_the_important_one() -> None:
    draws = np.random.default_rng(0)
    options = [{"rate": float(draws.random()), "idle": float(draws.random())} for _ in range(30)]
    trials = [record(at, one["rate"] ** 2, options=one) for at, one in enumerate(options)]
    searched = [Searched(name, Range(0.0, 1.0), False) for name in ("idle", "rate")]
    found = option_importance(trials, "naive_bayes", searched, seed=1)
    assert list(found.shares) == ["rate", "idle"]
    mean, lowest, highest = found.shares["rate"]
    assert 0.8 < lowest <= mean <= highest <= 1.0
    assert option_importance(trials, "naive_bayes", searched, seed=1) == found


def test_importance_of_a_few_trials_is_undefined() -> None:
    searched = [Searched(name, Range(0.0, 1.0), False) for name in ("idle", "rate")]
    found = option_importance([record(0, 0.1)], "naive_bayes", searched, seed=1)
    assert found.shares == {}
    assert found.undefined == "1 trials of naive_bayes were trained to the end; at least 10 are needed"
