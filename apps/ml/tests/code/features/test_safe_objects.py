"""Files of fitted objects: the same bytes in every process, and nothing loaded that is not on the list."""

import datetime as dt
import functools
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import NuSVC

from apps.ml.errors import BundleError
from apps.ml.features.safe_objects import TRANSFORMER_TYPES, object_bytes, read_object, write_object
from apps.ml.features.transformer import FeatureTransformer
from apps.ml.models.catalogue import STORED_TYPES
from apps.ml.tests.code.features.fitted_things import (
    ESTIMATORS,
    FRAME,
    fitted_estimator,
    fitted_things,
    fitted_transformer,
)

ALLOWED = (*TRANSFORMER_TYPES, *STORED_TYPES)
PROGRAM = """
import sys
from pathlib import Path
from apps.ml.features.safe_objects import write_object
from apps.ml.tests.code.features.fitted_things import fitted_things
write_object(Path(sys.argv[1]), fitted_things())
"""


def archive(schema: Any, **files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("schema.json", json.dumps(schema))
        for name, content in files.items():
            made.writestr(name, content)
    return buffer.getvalue()


def test_a_transformer_comes_back_and_encodes_the_same_bits(tmp_path: Path) -> None:
    write_object(tmp_path / "transformer.skops", fitted_transformer())
    again = read_object(tmp_path / "transformer.skops", ALLOWED)
    assert isinstance(again, FeatureTransformer)
    assert again.transform(FRAME).tobytes() == fitted_transformer().transform(FRAME).tobytes()
    assert again.feature_names_ == fitted_transformer().feature_names_
    assert again.get_params() == fitted_transformer().get_params()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_comes_back_and_scores_the_same_bits(name: str, tmp_path: Path) -> None:
    X = fitted_transformer().transform(FRAME)
    estimator = fitted_estimator(name)
    write_object(tmp_path / "estimator.skops", estimator)
    again: Any = read_object(tmp_path / "estimator.skops", ALLOWED)
    assert again.predict_proba(X).tobytes() == estimator.predict_proba(X).tobytes()


@pytest.mark.parametrize("position", range(len(ESTIMATORS) + 2))
def test_an_object_that_was_read_is_written_as_the_same_bytes(position: int, tmp_path: Path) -> None:
    path = tmp_path / "object.skops"
    write_object(path, fitted_things()[position])
    assert object_bytes(read_object(path, ALLOWED)) == path.read_bytes()


def test_two_processes_with_different_hash_seeds_write_the_same_bytes(tmp_path: Path) -> None:
    started = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / f"{seed}.skops")]
        started.append(subprocess.Popen(command, env=environment))
    assert [process.wait() for process in started] == [0, 0]
    assert (tmp_path / "1.skops").read_bytes() == (tmp_path / "2.skops").read_bytes()


def test_the_archive_carries_neither_times_nor_addresses() -> None:
    with zipfile.ZipFile(io.BytesIO(object_bytes(fitted_things()))) as made:
        entries = made.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [entry.filename for entry in entries] == [
        "schema.json",
        *(f"{number:06d}.npy" for number in range(1, len(entries))),
    ]


def test_equal_text_gives_equal_bytes_whether_or_not_it_is_shared_in_memory() -> None:
    shared = "a text that is long enough"
    apart = "".join(["a text that ", "is long enough"])
    assert object_bytes([shared, shared, (1.5, shared)]) == object_bytes([shared, apart, (1.5, apart)])


def test_what_is_shared_stays_shared(tmp_path: Path) -> None:
    numbers = np.arange(3.0)
    write_object(tmp_path / "x.skops", {"first": numbers, "second": numbers, "equal": np.arange(3.0)})
    again: Any = read_object(tmp_path / "x.skops", ALLOWED)
    assert again["first"] is again["second"]
    assert again["first"] is not again["equal"]


def test_nothing_is_written_when_an_object_cannot_be_stored(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="generator"):
        write_object(tmp_path / "x.skops", (number for number in range(3)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("obj", "name"),
    [
        (NuSVC(), "sklearn.svm._classes.NuSVC"),
        (os.system, "posix.system"),
        (functools.partial(print, "hello"), "functools.partial"),
        (dt.timedelta(3), "datetime.timedelta"),
        ({"deep": [(1, NuSVC())]}, "sklearn.svm._classes.NuSVC"),
        (np.sum, "numpy.sum"),
        (FeatureTransformer({}).fit, "apps.ml.features.transformer.FeatureTransformer.fit"),
    ],
)
def test_a_type_that_is_not_on_the_list_is_refused_by_name(obj: object, name: str, tmp_path: Path) -> None:
    write_object(tmp_path / "x.skops", obj)
    with pytest.raises(BundleError, match=rf"types that are not allowed: .*{name}.* Nothing was loaded"):
        read_object(tmp_path / "x.skops", ALLOWED)


def test_a_reader_can_ask_for_fewer_types(tmp_path: Path) -> None:
    write_object(tmp_path / "x.skops", fitted_transformer())
    with pytest.raises(BundleError, match="FeatureTransformer"):
        read_object(tmp_path / "x.skops", ())


def test_every_type_on_the_list_exists() -> None:
    under_another_name = [name for name in ALLOWED if name.startswith("_loss.")]
    for name in sorted(set(ALLOWED) - set(under_another_name)):
        module, _, attribute = name.rpartition(".")
        assert hasattr(__import__(module, fromlist=[attribute]), attribute), name


def test_a_pickle_under_the_name_of_a_safe_object_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "x.skops").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(BundleError, match="pickles are never read"):
        read_object(tmp_path / "x.skops", ALLOWED)


def test_a_pickle_inside_an_array_file_is_not_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    node = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode", "type": "numpy"}
    made = archive({**node, "file": "x.npy", "protocol": 2}, **{"x.npy": buffer.getvalue()})
    (tmp_path / "x.skops").write_bytes(made)
    with pytest.raises(BundleError, match=r"damaged and cannot be loaded \(ValueError\)"):
        read_object(tmp_path / "x.skops", ALLOWED)


def test_an_array_whose_header_is_no_python_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(object_bytes(np.arange(5)))) as made:
        schema = json.loads(made.read("schema.json"))
        arrays = {name: made.read(name) for name in made.namelist() if name.endswith(".npy")}
    assert arrays
    broken = {name: content.replace(b"}", b"(", 1) for name, content in arrays.items()}
    (tmp_path / "object.skops").write_bytes(archive(schema, **broken))
    with pytest.raises(BundleError, match="is damaged and cannot be loaded"):
        read_object(tmp_path / "object.skops", ())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"gone\.skops does not exist"):
        read_object(tmp_path / "gone.skops", ALLOWED)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"not a zip",
        archive([]),
        archive({}),
        archive({"protocol": "x"}),
        archive({"protocol": 999}),
        archive({"protocol": 2, "__class__": "dict", "__module__": "builtins", "__loader__": "NoSuchNode"}),
        archive({"protocol": 2, "__class__": "dict", "__module__": "builtins", "__loader__": "DictNode"}),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.skops").write_bytes(content)
    with pytest.raises(BundleError, match=r"x\.skops is (not an archive|damaged)"):
        read_object(tmp_path / "x.skops", ALLOWED)


def test_a_folder_under_the_name_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not an archive"):
        read_object(tmp_path, ALLOWED)


INTACT = object_bytes(fitted_transformer())


@settings(max_examples=50, deadline=None)
@given(st.integers(0, len(INTACT) - 1), st.integers(1, 255))
def test_a_changed_byte_never_ends_in_another_error(tmp_path_factory: Any, position: int, change: int) -> None:
    path = tmp_path_factory.mktemp("damaged") / "x.skops"
    path.write_bytes(INTACT[:position] + bytes([INTACT[position] ^ change]) + INTACT[position + 1 :])
    try:
        read_object(path, ALLOWED)
    except BundleError as error:
        message = str(error)
    else:
        message = "harmless"
    assert message
