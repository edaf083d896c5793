"""The second look: a failure that repeats is a failure, one that does not is named, many are not looked at again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.second_look import MOST

ROOT = Path(__file__).parents[2]

TESTS = """
from pathlib import Path

import pytest

COUNT = Path(__file__).with_name("count")


def seen():
    COUNT.write_text(COUNT.read_text() + "x" if COUNT.exists() else "x")
    return len(COUNT.read_text())


@pytest.mark.parametrize("name", ["a b", "c"])
def test_passes(name):
    assert name


@pytest.mark.parametrize("name", ["a b"])
def test_fails_at_first(name):
    assert seen() > 1


def test_fails():
    assert False


@pytest.mark.parametrize("number", range(50))
def test_fails_often(number):
    assert False


@pytest.fixture
def broken_at_first():
    assert seen() > 1


def test_has_a_fixture(broken_at_first):
    pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_made.py").write_text(TESTS)
    return tmp_path


def looked(folder: Path, *options: str) -> tuple[int, str]:
    own = ["-q", "-p", "no:cacheprovider", "-p", "xdist.plugin", "--import-mode=importlib"]
    command = [sys.executable, "-m", "tests.second_look", ".", "--", *own, *options]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_passes_alone_is_named(folder: Path, workers: str) -> None:
    code, said = looked(folder, "-k", "test_passes or test_fails_at_first", "-n", workers)
    assert (code, said.count("UNSTEADY")) == (0, 1), said
    assert "test_fails_at_first[a b]: failed among others, passed alone" in said
    assert "1 passed" in said, "only what failed is run again"


def test_a_fixture_that_fails_once_is_looked_at_too(folder: Path) -> None:
    code, said = looked(folder, "-k", "test_has_a_fixture")
    assert (code, said.count("UNSTEADY")) == (0, 1), said


def test_what_fails_twice_has_failed(folder: Path) -> None:
    code, said = looked(folder, "-k", "test_fails_at_first or (test_fails and not often)")
    assert (code, said.count("UNSTEADY")) == (1, 1), said
    assert "test_made.py::test_fails" in said


@pytest.mark.parametrize("options", [("-k", "test_fails_often"), ("-k", "nothing"), ("--no-such-option",)])
def test_many_failures_and_other_ends_are_not_looked_at(folder: Path, options: tuple[str, ...]) -> None:
    code, said = looked(folder, *options)
    assert code != 0
    assert "second look" not in said
    assert MOST < 50


def test_a_file_that_cannot_be_imported_is_no_test_to_look_at(folder: Path) -> None:
    (folder / "test_broken.py").write_text("import nothing_of_this_name\n")
    code, said = looked(folder)
    assert code not in (0, 1), said
