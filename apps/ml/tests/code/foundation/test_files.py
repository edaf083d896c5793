"""Files appear whole or not at all, and the same content gives the same bytes."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from apps.ml.files import read_json, rounded, sha256_of_file, sha256_of_json, write_json, write_parquet, write_with


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"value": 1})
    with pytest.raises(RuntimeError, match="half way"):
        write_with(path, _fail_half_way)
    assert read_json(path) == {"value": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.json"]


def _fail_half_way(path: Path) -> None:
    path.write_text("half", encoding="utf-8")
    raise RuntimeError("half way")


def test_a_report_never_holds_a_value_that_is_not_a_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="NaN or an infinity"):
        write_json(tmp_path / "metrics.json", {"value": math.nan})
    assert not list(tmp_path.iterdir())


def test_a_list_of_numbers_stands_on_one_line_and_texts_are_left_alone(tmp_path: Path) -> None:
    content = {"curve": [0.5, -1e-07, None, True], "texts": ["[1,\n 2]", "a, b"], "nested": [[1, 2], []], "one": [3]}
    write_json(tmp_path / "metrics.json", content)
    assert read_json(tmp_path / "metrics.json") == content
    lines = (tmp_path / "metrics.json").read_text(encoding="utf-8").splitlines()
    assert '  "curve": [0.5, -1e-07, null, true],' in lines
    assert '  "one": [3]' in lines
    assert "    [1, 2]," in lines


def test_floats_that_differ_beyond_the_tenth_digit_are_written_alike() -> None:
    assert rounded(0.1 + 0.2) == rounded(0.3)
    assert rounded({"a": [np.float64(1 / 3), np.int64(2)]}) == {"a": [0.3333333333, 2]}
    assert str(rounded(-0.0)) == "0.0"


def test_the_digest_of_content_does_not_depend_on_the_order_of_keys() -> None:
    assert sha256_of_json({"a": 1, "b": 2}) == sha256_of_json({"b": 2, "a": 1})
    assert sha256_of_json({"a": 1}) != sha256_of_json({"a": 2})


def test_the_same_frame_gives_the_same_parquet_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0, math.nan], "b": ["x", None]})
    write_parquet(tmp_path / "one.parquet", frame)
    write_parquet(tmp_path / "two.parquet", frame.copy())
    assert sha256_of_file(tmp_path / "one.parquet") == sha256_of_file(tmp_path / "two.parquet")
