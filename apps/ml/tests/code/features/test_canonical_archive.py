"""What must not show in the bytes of an archive: addresses, times, sharing, padding and the order of sets."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt
from skops.io import dumps, loads

from apps.ml.features.canonical_archive import canonical_archive

RECORD = np.dtype({"names": ["number", "flag"], "formats": ["<i8", "u1"], "offsets": [0, 8], "itemsize": 16})
NODE = np.dtype({"names": ["left_child", "missing_go_to_left"], "formats": ["<i8", "u1"], "itemsize": 16})


def canonical(obj: Any) -> bytes:
    return canonical_archive(dumps(obj))


def records(dtype: Any, padding: int, rows: list[tuple[int, int]]) -> npt.NDArray[np.void]:
    """Return records whose bytes between the fields are all `padding`."""
    made = np.full(len(rows) * dtype.itemsize, padding, dtype=np.uint8).view(dtype)
    for field, values in zip(dtype.names, zip(*rows, strict=True), strict=True):
        made[field] = values
    return made


def test_objects_at_other_addresses_have_the_same_bytes() -> None:
    first = {"a": [np.arange(3.0), {"b": (1, 2)}], "c": np.float64(2.5)}
    kept_alive = [np.arange(3.0) for _ in range(100)]
    second = {"a": [np.arange(3.0), {"b": (1, 2)}], "c": np.float64(2.5)}
    assert canonical(first) == canonical(second)
    assert len(kept_alive) == 100


def test_bytes_are_not_named_by_chance() -> None:
    assert canonical([b"abc", bytearray(b"abc")]) == canonical([b"abc", bytearray(b"abc")])


def test_other_content_has_other_bytes() -> None:
    assert canonical({"a": np.arange(3.0)}) != canonical({"a": np.arange(4.0)})
    assert canonical({"a": 1}) != canonical({"a": 1.0})
    assert canonical({"a": 1, "b": 2}) != canonical({"b": 2, "a": 1})


def test_members_of_sets_are_sorted_at_any_depth() -> None:
    archive = canonical([{"b", "a", "c"}, {(2, "x"), (1, "y")}])
    with zipfile.ZipFile(io.BytesIO(archive)) as made:
        content = json.loads(made.read("schema.json"))["content"]
    assert [member["content"] for member in content[0]["content"]] == ['"a"', '"b"', '"c"']
    assert loads(archive) == [{"b", "a", "c"}, {(2, "x"), (1, "y")}]


def test_the_padding_of_records_is_zero() -> None:
    rows = [(7, 1), (8, 0)]
    assert records(RECORD, 0, rows).tobytes() != records(RECORD, 255, rows).tobytes()
    assert canonical(records(RECORD, 0, rows)) == canonical(records(RECORD, 255, rows))
    assert loads(canonical(records(RECORD, 255, rows))).tolist() == rows


def test_leaves_of_a_tree_send_missing_values_nowhere() -> None:
    assert canonical(records(NODE, 0, [(1, 1), (-1, 0)])) == canonical(records(NODE, 0, [(1, 1), (-1, 77)]))
    assert canonical(records(NODE, 0, [(1, 1), (-1, 0)])) != canonical(records(NODE, 0, [(1, 0), (-1, 0)]))


def test_a_canonical_archive_stays_as_it_is() -> None:
    archive = canonical({"a": [np.arange(3.0), np.arange(3.0)], "b": {"x", "y"}})
    assert canonical_archive(archive) == archive


def test_equal_arrays_are_stored_once() -> None:
    with zipfile.ZipFile(io.BytesIO(canonical([np.arange(3.0), np.arange(3.0), np.arange(4.0)]))) as made:
        assert made.namelist() == ["schema.json", "000001.npy", "000002.npy"]
