"""Fitted objects in files that hold no code: only types on a list are loaded, equal objects give equal bytes.

The format is skops, written canonically (:mod:`apps.ml.features.canonical_archive`). Beside plain containers and
numbers a file may hold the types that its reader names and no others: those of the transformer are listed here, those
of an estimator in its entry of the catalogue. No list grows with an upgrade of skops: a file that names anything else
is refused before a part of it is built.
"""

import io
import json
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from apps.ml.errors import BundleError
from apps.ml.features.canonical_archive import SCHEMA, canonical_archive
from apps.ml.features.grown_trees import has_sound_trees
from apps.ml.files import write_with

PLAIN_TYPES = (
    "builtins.NoneType",
    "builtins.bool",
    "builtins.dict",
    "builtins.float",
    "builtins.int",
    "builtins.list",
    "builtins.set",
    "builtins.slice",
    "builtins.str",
    "builtins.tuple",
    "numpy.bool",
    "numpy.dtype",
    "numpy.float32",
    "numpy.float64",
    "numpy.int32",
    "numpy.int64",
    "numpy.intp",
    "numpy.ndarray",
    "numpy.uint32",
    "numpy.uint64",
    "numpy.uint8",
    "numpy.random._generator.Generator",
    "numpy.random.mtrand.RandomState",
)
"""Containers and numbers of Python and NumPy: types that any file may name."""

TRANSFORMER_TYPES = (
    "apps.ml.features.transformer.FeatureTransformer",
    "apps.ml.features.numeric_columns.BooleanEncoder",
    "apps.ml.features.numeric_columns.NumericEncoder",
    "apps.ml.features.categorical_columns.OneHotCategories",
    "apps.ml.features.categorical_columns.OrdinalCategories",
    "apps.ml.features.categorical_columns.TargetCategories",
    "apps.ml.features.category_pool.CategoryPool",
)
"""The fitted parts of the feature transformer."""

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    ValueError,
)
"""What reading a damaged archive raises; RuntimeError includes encryption, unknown compression and endless nesting."""


def write_object(path: Path, obj: object) -> None:
    """Write an object, whole or not at all; equal objects give equal bytes in every process."""
    content = object_bytes(obj)

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    write_with(path, write)


def object_bytes(obj: object) -> bytes:
    """Return the canonical bytes that :func:`write_object` writes."""
    from skops.io import dumps

    return canonical_archive(dumps(obj))


def read_object(path: Path, allowed: Sequence[str]) -> object:
    """Load an object if every type it names is in :data:`PLAIN_TYPES` or in `allowed` (fully qualified names).

    Raises
    ------
    BundleError
        The file is missing, is not such an archive, is damaged, or names a type that is not allowed.
    """
    data, schema = _read_archive(path)
    forbidden = sorted(set(_named_types(schema)) - {*PLAIN_TYPES, *allowed})
    if forbidden:
        raise BundleError(
            f"{path} holds types that are not allowed: {', '.join(forbidden)}. "
            "Nothing was loaded; write the file again with `dvc repro`, or load one that comes from this pipeline."
        )
    obj, is_sound = _load(path, data, allowed)
    if not is_sound:
        raise BundleError(f"{path} holds a tree whose nodes point outside it. Write it again with `dvc repro`.")
    return obj


def _read_archive(path: Path) -> tuple[bytes, Any]:
    try:
        data = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return data, json.loads(archive.read(SCHEMA))
    except FileNotFoundError:
        raise BundleError(f"{path} does not exist. Run `dvc repro`, or name the folder of a complete bundle.") from None
    except UNREADABLE as error:
        raise BundleError(
            f"{path} is not an archive of a safe object (expected a zip file with {SCHEMA}); pickles are never read. "
            "Write it again with `dvc repro`."
        ) from error


def _named_types(node: Any) -> Iterator[str]:
    """Yield the fully qualified name of every type a schema names, at any depth."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, list):
            waiting += current
        elif isinstance(current, dict):
            if isinstance(current.get("__class__"), str) and isinstance(current.get("__module__"), str):
                yield f"{current['__module__']}.{current['__class__']}"
            waiting += current.values()


def _load(path: Path, data: bytes, allowed: Sequence[str]) -> tuple[object, bool]:
    """Return the object and whether its trees are sound."""
    from skops.io import loads
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        obj = loads(data, trusted=sorted({*PLAIN_TYPES, *allowed}))
        return obj, has_sound_trees(obj)
    except UntrustedTypesFoundException as error:
        raise BundleError(
            f"{path} holds types that are not allowed: {_first_line(error)} Nothing was loaded."
        ) from error
    except (*UNREADABLE, AttributeError, ImportError, MemoryError, TypeError) as error:
        raise BundleError(
            f"{path} is damaged and cannot be loaded ({type(error).__name__}). Write it again with `dvc repro`."
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
