"""The same stored object gives the same bytes: skops archives without addresses, times and chance.

A skops file is a zip archive with `schema.json` and one `.npy` file per array. As skops writes it, it names its parts
after memory addresses, carries the time, and holds whatever lay in the padding between the fields of a record. Here
parts are numbered in the order in which they appear, equal parts are stored once, sets are sorted, padding is zero and
dates are fixed, so that a digest over the file speaks of the object alone.
"""

import hashlib
import io
import json
import zipfile
from pathlib import PurePosixPath
from typing import Any

import numpy as np

SCHEMA = "schema.json"
EARLIEST_DATE = (1980, 1, 1, 0, 0, 0)
REGULAR_FILE = 0o100644 << 16
UNIX = 3
TREE_FIELDS = frozenset({"left_child", "missing_go_to_left"})
"""Fields by which the records of scikit-learn's trees are known."""

IMMUTABLE_LOADERS = frozenset({"JsonNode", "TypeNode", "FunctionNode", "TupleNode", "DTypeNode"})
"""Kinds of parts whose identity means nothing; whether two of them share memory must not show in the bytes."""


def canonical_archive(data: bytes) -> bytes:
    """Rewrite the bytes of a skops archive so that they depend on the stored object alone."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: _settled(name, archive.read(name)) for name in archive.namelist() if name != SCHEMA}
        schema = json.loads(archive.read(SCHEMA))
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in parts.items()}
    numbering = _Numbering(digests)
    schema = numbering.rewritten(_with_sorted_sets(schema, digests))
    stored = {new: parts[old] for old, new in numbering.first_files.items()}
    return _archive({SCHEMA: json.dumps(schema, separators=(",", ":")).encode(), **stored})


class _Numbering:
    """Numbers object ids and files in the order in which they first appear in a schema."""

    def __init__(self, digests: dict[str, str]) -> None:
        self.digests = digests
        self.ids: dict[int, int] = {}
        self.names: dict[str, str] = {}
        self.first_files: dict[str, str] = {}

    def rewritten(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.rewritten(item) for item in node]
        if not isinstance(node, dict):
            return node
        result = {key: self.rewritten(value) for key, value in node.items() if key != "__id__"}
        if "__loader__" in node and isinstance(node.get("file"), str):
            result["file"] = self._file(node["file"])
        if isinstance(node.get("__id__"), int) and not _is_immutable(node):
            result["__id__"] = self.ids.setdefault(node["__id__"], len(self.ids) + 1)
        return result

    def _file(self, name: str) -> str:
        digest = self.digests[name]
        if digest not in self.names:
            self.names[digest] = f"{len(self.names) + 1:06d}{PurePosixPath(name).suffix}"
            self.first_files[name] = self.names[digest]
        return self.names[digest]


def _is_immutable(node: dict[str, Any]) -> bool:
    is_scalar = node["__loader__"] == "NdArrayNode" and node["__class__"] != "ndarray"
    return is_scalar or node["__loader__"] in IMMUTABLE_LOADERS


def _with_sorted_sets(node: Any, digests: dict[str, str]) -> Any:
    """Sort the members of sets, whose order follows the hash seed of the process."""
    if isinstance(node, list):
        return [_with_sorted_sets(item, digests) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: _with_sorted_sets(value, digests) for key, value in node.items()}
    if node.get("__loader__") == "SetNode":
        result["content"] = sorted(result["content"], key=lambda member: _content_key(member, digests))
    return result


def _content_key(member: Any, digests: dict[str, str]) -> str:
    return json.dumps(_Numbering(digests).rewritten(member), sort_keys=True)


def _archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, EARLIEST_DATE)
            entry.create_system, entry.external_attr = UNIX, REGULAR_FILE
            archive.writestr(entry, content)
    return buffer.getvalue()


def _settled(name: str, content: bytes) -> bytes:
    """Give every byte of an array of records a defined value; other parts are returned as they are."""
    if PurePosixPath(name).suffix != ".npy":
        return content
    records = np.load(io.BytesIO(content), allow_pickle=False)
    if records.dtype.names is None:
        return content
    settled = np.zeros(records.shape, records.dtype)
    for field in records.dtype.names:
        settled[field] = records[field]
    if set(records.dtype.names) >= TREE_FIELDS:
        # A leaf sends nobody left or right; a tree that is a single leaf leaves this byte as it was in memory.
        settled["missing_go_to_left"][settled["left_child"] < 0] = 0
    buffer = io.BytesIO()
    np.save(buffer, settled, allow_pickle=False)
    return buffer.getvalue()
