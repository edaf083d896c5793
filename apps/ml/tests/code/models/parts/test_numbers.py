from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.ml.errors import BundleError
from apps.ml.models.parts.numbers import CheckedContent, read_checked, write_numbers


def of(value: Any) -> CheckedContent:
    return CheckedContent("file.json", {"a": value})


def test_numbers_come_back_bit_for_bit(tmp_path: Path) -> None:
    numbers = np.random.default_rng(1).normal(size=(3, 4)) * 10.0 ** np.arange(-2, 2)
    write_numbers(tmp_path / "a.json", {"a": numbers.tolist()})
    assert (read_checked(tmp_path / "a.json", ("a",)).floats("a", (3, None)) == numbers).all()


@pytest.mark.parametrize("value", [[0.5, 1], [0, 1], [1e-300, -2.5]])
def test_whole_numbers_are_numbers_too(value: list[float]) -> None:
    assert of(value).floats("a", (2,)).tolist() == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1.0, float("nan")], "1 are not"),
        ([float("inf"), 1.0], "1 are not"),
        ([1.0, 7.0], "between 0 and 5; 1 are not"),
        ([1.0], "an array of 2"),
        ([[1.0, 2.0]], "an array of 2"),
        ([[1.0], [1.0, 2.0]], "an array of 2"),
        (["1", "2"], "numbers"),
        ([None, 1.0], "numbers"),
        ([True, False], "numbers"),
        ({"b": 1}, "an array of 2"),
        (1.0, "an array of 2"),
        ([10**400, 1], "numbers"),
    ],
)
def test_other_shapes_kinds_and_sizes_are_refused(value: Any, expected: str) -> None:
    with pytest.raises(BundleError, match=f"file.json: 'a' is not .*{expected}"):
        of(value).floats("a", (2,), 0.0, 5.0)


@pytest.mark.parametrize("value", [[0, 1.5], [0, 4], [-1, 0], [0, 2**63], [True, False], ["0", "1"]])
def test_positions_are_whole_and_inside(value: Any) -> None:
    assert of([0, 3]).integers("a", (2,), 0, 3).tolist() == [0, 3]
    with pytest.raises(BundleError, match="'a' is not"):
        of(value).integers("a", (2,), 0, 3)


def test_an_empty_list_holds_no_numbers() -> None:
    assert of([]).integers("a", (None,), 0, 3).tolist() == []
    assert of([]).floats("a", (0,)).tolist() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1]", "an object of exactly a"),
        ('{"b": 1}', "an object of exactly a"),
        ('{"a": 1, "b": 1}', "an object of exactly a"),
        ('{"a": 1, "a": 2}', "names a key twice"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"a": ' + "9" * 5000 + "}", "is not JSON"),
    ],
)
def test_a_file_that_says_anything_else_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(BundleError, match=expected):
        read_checked(tmp_path / "a.json", ("a",))


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"a\.json does not exist"):
        read_checked(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    with pytest.raises(BundleError, match=r"a\.json is not text"):
        read_checked(tmp_path / "a.json")


def test_numbers_that_json_lacks_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_numbers(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []
