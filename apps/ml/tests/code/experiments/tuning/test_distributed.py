"""Ray: the same study with its workers, and a clear word where it is not installed."""

import sys
from pathlib import Path

import pytest

from apps.ml.errors import BadInputError
from apps.ml.experiments.tuning.distributed import run_on_ray
from apps.ml.experiments.tuning.records import trial_records
from apps.ml.experiments.tuning.storage import place_of
from apps.ml.experiments.tuning.study import opened
from apps.ml.experiments.tuning.working import Budget, standing, untold
from apps.ml.tests.code.experiments.tuning.held_worker import the_problem


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    asked = the_problem()
    with (
        opened(asked, place_of(None, tmp_path / "a.db"), "a") as study,
        pytest.raises(BadInputError, match=r"pip install 'fairmind-ml\[distributed\]'"),
    ):
        run_on_ray(asked, study, "a", Budget(2), 2, untold)


def test_a_cluster_cannot_share_a_file_of_this_machine(tmp_path: Path) -> None:
    asked = the_problem()
    with (
        opened(asked, place_of(None, tmp_path / "a.db"), "a") as study,
        pytest.raises(BadInputError, match="cannot share a SQLite file"),
    ):
        run_on_ray(asked, study, "a", Budget(2), 2, untold, address="ray://somewhere:10001")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_two_workers_of_a_local_ray_share_the_budget(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    asked = the_problem()
    with opened(asked, place_of(None, tmp_path / "a.db"), asked.name, workers=2) as study:
        run_on_ray(asked, study, asked.name, Budget(6), 2, untold)
        found = standing(study.study.get_trials())
        records = trial_records(asked, study.study.get_trials())
    import ray

    assert not ray.is_initialized()
    assert (found.finished, found.running, len(records)) == (6, 0, 6)
