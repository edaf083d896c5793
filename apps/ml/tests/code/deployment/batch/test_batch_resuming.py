"""A killed job goes on where it stopped and ends with the same bytes; parts of something else are never mixed in."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from apps.ml.deployment.batch.job import Job
from apps.ml.deployment.batch.parts import opened_parts
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.errors import BadInputError, BundleError
from apps.ml.models.bundle import write_bundle
from apps.ml.tests.code.deployment.conftest import train_bundle
from apps.ml.tests.code.deployment.server_faults.processes import children, is_running, wait_until

Write = Callable[[pd.DataFrame, str], Path]
REPOSITORY = Path(__file__).parents[6]
SCORING = "apps.ml.tests.scoring_process"
PACED = "apps.ml.tests.code.deployment.batch.paced_process"


class StoppedError(Exception):
    """Stands for whatever ends a run."""


def stop_after(parts: int) -> Callable[[int, float], None]:
    """Return what ends a run after so many parts."""
    left = iter(range(parts - 1))

    def tell(*_: Any) -> None:
        if next(left, None) is None:
            raise StoppedError

    return tell


def interrupted(score: Any, source: Path, target: Path, parts: int = 3, **more: Any) -> None:
    with pytest.raises(StoppedError):
        score(source, target, chunk_rows=50, tell=stop_after(parts), **more)


@contextmanager
def paced(arguments: list[str]) -> Iterator["subprocess.Popen[str]"]:
    """Score in a process that waits after each part; it is killed at the end, whatever happens."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-m", PACED, *arguments], cwd=REPOSITORY, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
def test_after_kill_9_the_same_command_ends_with_the_same_bytes(
    people: pd.DataFrame, write: Write, score: Any, bundle_folder: Path, tmp_path: Path, target: str
) -> None:
    source = write(people, "in.csv")
    arguments = [str(source), str(tmp_path / target), str(bundle_folder), "10"]
    with paced(arguments) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        for _ in range(4):
            assert first.stdout.readline() == "part 10\n"
            first.stdin.write("\n")
            first.stdin.flush()
        assert first.stdout.readline() == "part 10\n"
        first.kill()
    assert first.returncode == -signal.SIGKILL
    assert not (tmp_path / target).exists()
    scorer = json.loads((tmp_path / f"{target}.parts" / "state.json").read_text(encoding="utf-8"))["scorer"]
    command = [sys.executable, "-m", SCORING, *arguments]
    second = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert second.stdout.splitlines()[-1] == "500 5"
    undisturbed = tmp_path / f"undisturbed-{target}"
    score(source, undisturbed, chunk_rows=10, scorer=scorer)
    assert (tmp_path / target).read_bytes() == undisturbed.read_bytes()
    assert not list(tmp_path.glob("*.parts"))


def test_worker_processes_end_with_a_killed_parent(
    people: pd.DataFrame, write: Write, bundle_folder: Path, tmp_path: Path
) -> None:
    arguments = [str(write(people, "in.csv")), str(tmp_path / "out.csv"), str(bundle_folder), "1", "2"]
    with paced(arguments) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "part 1\n"
        workers = children(parent.pid)
        parent.kill()
    assert workers
    wait_until(lambda: not any(map(is_running, workers)))


def test_only_missing_parts_are_scored_again(people: pd.DataFrame, write: Write, score: Any, tmp_path: Path) -> None:
    source, target = write(people, "in.parquet"), tmp_path / "out.csv"
    interrupted(score, source, target, parts=4)
    (tmp_path / "out.csv.parts" / "000001.part").write_bytes(b"cut off")
    (tmp_path / "out.csv.parts" / "000002.json").write_bytes(b"")
    told: list[int] = []
    finished = score(source, target, chunk_rows=50, tell=lambda rows, _: told.append(rows))
    assert (finished.found_parts, finished.parts, len(told)) == (2, 10, 8)
    score(source, tmp_path / "undisturbed.csv", chunk_rows=50)
    assert target.read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()


def test_a_run_that_was_killed_while_it_joined_needs_no_row_again(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = write(people, "in.csv"), tmp_path / "out.csv"

    def no_join(*_: Any) -> None:
        raise StoppedError

    monkeypatch.setattr("apps.ml.deployment.batch.file_scoring.join_parts", no_join)
    with pytest.raises(StoppedError):
        score(source, target, chunk_rows=100)
    monkeypatch.undo()
    told: list[int] = []
    finished = score(source, target, chunk_rows=100, tell=lambda rows, _: told.append(rows))
    assert (finished.rows, finished.found_parts, told) == (500, 5, [])
    assert target.exists()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"chunk_rows": 60}, "--chunk-rows changed"),
        ({"keep": ("name",)}, "--keep changed"),
        ({"prefix": "p_", "missing": ("?",)}, "--prefix, --missing changed"),
    ],
)
def test_other_options_do_not_mix(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path, more: dict[str, Any], told: str
) -> None:
    source, target = write(people, "in.csv"), tmp_path / "out.csv"
    interrupted(score, source, target)
    with pytest.raises(BadInputError, match=f"{told}.*--restart"):
        score(source, target, **{"chunk_rows": 50, **more})
    assert score(source, target, start="restart", **{"chunk_rows": 50, **more}).found_parts == 0


def test_another_input_does_not_mix(people: pd.DataFrame, write: Write, score: Any, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    interrupted(score, write(people, "in.csv"), target)
    changed = write(people.assign(age=people["age"] + 1), "in.csv")
    with pytest.raises(BadInputError, match=r"the input changed.*--restart"):
        score(changed, target, chunk_rows=50)
    score(changed, target, chunk_rows=50, start="restart")
    assert pd.read_csv(target)["age"].tolist() == (people["age"] + 1).tolist()


def test_another_model_does_not_mix(people: pd.DataFrame, write: Write, score: Any, tmp_path: Path) -> None:
    source, target = write(people, "in.csv"), tmp_path / "out.csv"
    interrupted(score, source, target)
    bundle, golden = train_bundle("logistic_regression")
    write_bundle(tmp_path / "other", bundle, golden)
    with pytest.raises(BadInputError, match="the model changed"):
        score(source, target, chunk_rows=50, model=FolderSource(tmp_path / "other").load())


def test_the_scorer_that_began_goes_on(people: pd.DataFrame, write: Write, score: Any, tmp_path: Path) -> None:
    source, target = write(people, "in.csv"), tmp_path / "out.csv"
    interrupted(score, source, target, scorer="bundle")
    score(source, target, chunk_rows=50, scorer="estimator")
    score(source, tmp_path / "undisturbed.csv", chunk_rows=50, scorer="bundle")
    assert target.read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()


def test_a_scorer_that_cannot_be_built_here_is_said(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path
) -> None:
    source, target = write(people, "in.csv"), tmp_path / "out.csv"
    interrupted(score, source, target)
    state = tmp_path / "out.csv.parts" / "state.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "scorer": "numpy"}), encoding="utf-8")
    with pytest.raises(BundleError, match=r"'numpy', by which scoring began, cannot be built here"):
        score(source, target, chunk_rows=50)


def test_two_runs_of_one_job_at_once_are_refused(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path
) -> None:
    source, target = write(people, "in.csv"), tmp_path / "out.csv"
    with (
        opened_parts(Job(source, target).parts, {"input": "", "model": {}, "options": {}}, "bundle", "resume"),
        pytest.raises(BadInputError, match="another run of this command works"),
    ):
        score(source, target)
    assert score(source, target).rows == 500


def test_a_folder_of_somebody_else_is_left_alone(
    people: pd.DataFrame, write: Write, score: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "out.csv.parts"
    folder.mkdir()
    (folder / "diary.txt").touch()
    for start in ("resume", "restart"):
        with pytest.raises(BadInputError, match="what no run has put there"):
            score(write(people, "in.csv"), tmp_path / "out.csv", start=start)
    assert (folder / "diary.txt").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_cannot_be_written_is_said(people: pd.DataFrame, write: Write, score: Any, tmp_path: Path) -> None:
    source = write(people, "in.csv")
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(BadInputError, match="cannot be written"):
        score(source, tmp_path / "closed" / "out.csv")
