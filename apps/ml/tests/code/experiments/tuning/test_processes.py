"""Several real processes on one study, in a file and in PostgreSQL: none is lost, none counted twice, whoever dies."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.ml.errors import BadInputError, ServiceUnavailableError
from apps.ml.experiments.tuning.running import run_in_processes
from apps.ml.experiments.tuning.storage import Place, StudyLock, open_storage, place_of
from apps.ml.experiments.tuning.study import opened
from apps.ml.experiments.tuning.working import RETRY_OF, Budget, standing, untold
from apps.ml.tests.code.experiments.tuning import held_worker
from apps.ml.tests.code.experiments.tuning.held_worker import IN_A_TRIAL, the_problem

PATIENCE_SECONDS = 600
GRACE_SECONDS = 3
TRIALS = 5


@dataclass(frozen=True)
class Held:
    """A worker that was started; in the middle of each trial it waits to be told to go on."""

    process: "subprocess.Popen[str]"

    def in_a_trial(self) -> None:
        """Wait until it is in the middle of a trial."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{IN_A_TRIAL}\n"

    def goes_on(self) -> None:
        """Let it end the trial that it is in."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def is_killed(self) -> None:
        """Kill it, and wait until it is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)


@contextmanager
def worker(address: str, grace_seconds: int = PATIENCE_SECONDS) -> Iterator[Held]:
    """Start a worker that takes others for dead after a while; whatever is left of it is ended afterwards."""
    command = [sys.executable, "-m", held_worker.__name__, address, str(TRIALS), str(grace_seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield Held(process)
        finally:
            if process.poll() is None:
                process.kill()


def test_two_workers_one_killed_then_both_then_resumed(address: str) -> None:
    asked, place = the_problem(), place_of(address, Path())
    with (
        worker(place.address) as first,
        worker(place.address) as second,
        opened(asked, place, asked.name) as study,
    ):

        def found() -> Any:
            return standing(study.study.get_trials(deepcopy=False))

        for one in (first, second):
            one.in_a_trial()
        assert found().running == 2
        first.is_killed()
        for finished in (1, 2):
            second.goes_on()
            second.in_a_trial()
            assert found().finished == finished
        second.is_killed()
        assert found().finished == 2 < TRIALS
        with worker(place.address, GRACE_SECONDS) as third:
            third.process.communicate(timeout=PATIENCE_SECONDS)
            assert third.process.returncode == 0
        trials = study.study.get_trials()
        assert (found().completed, found().finished, found().running, found().waiting) == (TRIALS, TRIALS, 0, 0)
        repeated = {number: trial for trial in trials for number in trial.user_attrs.get(RETRY_OF, ())}
        assert len(repeated) >= 1
        assert len(trials) == TRIALS + len(repeated)
        by_number = {trial.number: trial for trial in trials}
        for number, again in repeated.items():
            before = by_number[number].params
            assert before in ({}, again.params)


def test_a_terminated_worker_leaves_a_study_that_goes_on(tmp_path: Path) -> None:
    asked, place = the_problem(), place_of(f"sqlite:///{tmp_path / 'study.db'}", Path())
    with opened(asked, place, asked.name) as study:
        with worker(place.address) as first:
            first.in_a_trial()
            first.process.send_signal(signal.SIGTERM)
            assert first.process.wait(PATIENCE_SECONDS) == 130
        assert standing(study.study.get_trials()).running == 0
        assert standing(study.study.get_trials()).waiting == 1


def test_processes_started_here_share_the_budget(tmp_path: Path) -> None:
    asked, place = the_problem(), place_of(f"sqlite:///{tmp_path / 'study.db'}", Path())
    with opened(asked, place, "shared", workers=2) as study:
        run_in_processes(asked, study, "shared", Budget(6), 2, untold)
        found = standing(study.study.get_trials())
    assert (found.finished, found.running) == (6, 0)


def test_a_place_in_memory_cannot_be_shared() -> None:
    asked = the_problem()
    with opened(asked, Place(), asked.name) as study, pytest.raises(BadInputError, match="2 workers cannot share"):
        run_in_processes(asked, study, asked.name, Budget(2), 2, untold)


def test_an_address_that_nobody_answers_is_told_without_its_password() -> None:
    place = place_of("postgresql://someone:secret@127.0.0.1:1/studies", Path())
    assert place.address.startswith("postgresql+psycopg://")
    with pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:1/studies does not answer") as refused:
        open_storage(place, StudyLock(place))
    assert "secret" not in str(refused.value)
    assert refused.value.exit_code == 4


def test_a_wrong_database_on_a_server_that_answers_is_told_without_its_password(postgres: str) -> None:
    place = place_of(postgres.replace("tester@", "tester:secret@").replace("/postgres", "/{nothing}"), Path())
    with pytest.raises(ServiceUnavailableError, match="does not answer as it should") as refused:
        open_storage(place, StudyLock(place))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("given", ["mysql://host/db", "studies.db", "http://host"])
def test_an_address_of_another_kind_is_refused(given: str) -> None:
    with pytest.raises(BadInputError, match="SQLite file or in PostgreSQL"):
        place_of(given, Path())


def test_the_environment_names_the_storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAIRMIND_TUNING_STORAGE", "postgres://host/studies")
    assert place_of(None, tmp_path / "a.db").address == "postgresql+psycopg://host/studies"
    assert place_of("sqlite:///b.db", tmp_path / "a.db").is_file
    monkeypatch.delenv("FAIRMIND_TUNING_STORAGE")
    assert place_of(None, tmp_path / "a.db").address == f"sqlite:///{tmp_path / 'a.db'}"


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("not a database, but long enough to be read as one" * 20, encoding="utf-8")
    place = place_of(f"sqlite:///{tmp_path / 'a.db'}", Path())
    with pytest.raises(BadInputError, match="cannot be used as the file of a study"):
        open_storage(place, StudyLock(place))
