"""LightGBM's library as the engine of any trees: the quickest that is known for one row.

Its C API has a call for single rows whose settings are read once. What it prepares for that may not be shared between
threads, so each binding has its own. The single call keeps Python's lock, for it takes a few microseconds: a thread
that gave the lock away would wait for others up to Python's switch interval of milliseconds to get it back. Calls for
many rows give it away.

References
----------
LightGBM's documentation of its C API, `LGBM_BoosterPredictForMatSingleRowFast`.
"""

import ctypes
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from apps.ml.deployment.scorers.not_compiled import NotCompiledError
from apps.ml.deployment.scorers.trees import Tree, Trees
from apps.ml.models.parts.lightgbm_text import NUMERIC_SPLIT

Matrix = npt.NDArray[np.float64]

MOST_NODES = 1_000_000
"""Writing and reading a million nodes takes about a second; larger forests are left to their own library."""

DOUBLE = 1
NORMAL, RAW = 0, 1
ALL_ROUNDS = -1
SETTINGS = b"num_threads=1"


class LightGBMTrees:
    """Trees that LightGBM's library holds; immutable and safe to share between threads.

    Parameters
    ----------
    text
        LightGBM's text of a model, checked.
    features
        Number of encoded features.
    raw
        Whether the sum of the trees is asked for, or what the model's objective makes of it.

    Raises
    ------
    NotCompiledError
        The library is not here or does not take the text.
    """

    def __init__(self, text: str, features: int, raw: bool) -> None:
        self._features, self._kind = features, RAW if raw else NORMAL
        self._handle, rounds = ctypes.c_void_p(), ctypes.c_int()
        _call("LGBM_BoosterLoadModelFromString", text.encode(), ctypes.byref(rounds), ctypes.byref(self._handle))
        self._finalizer = weakref.finalize(self, _call, "LGBM_BoosterFree", self._handle)
        self._finalizer.atexit = False

    def bind(self, x: Matrix) -> Callable[[], float]:
        """Return the function that scores the row that then lies in `x`, float64 [features or more] and contiguous.

        For one thread at a time.
        """
        row = _SingleRow(self, self._handle, self._kind, self._features)
        call, arguments, found = row.call, row.arguments(x), row.found

        def score() -> float:
            if call(*arguments):
                raise RuntimeError(_last_error())
            return found.value

        score.keeps = (row, x)  # type: ignore[attr-defined]
        return score

    def rows(self, X: Matrix) -> Matrix:
        """Return float64 [n] for rows [n, features]."""
        given = np.ascontiguousarray(X[:, : self._features])
        found, count = np.empty(len(given)), ctypes.c_int64()
        if len(given):
            _call(
                "LGBM_BoosterPredictForMat",
                self._handle,
                ctypes.c_void_p(given.ctypes.data),
                ctypes.c_int(DOUBLE),
                ctypes.c_int32(len(given)),
                ctypes.c_int32(self._features),
                ctypes.c_int(1),
                ctypes.c_int(self._kind),
                ctypes.c_int(0),
                ctypes.c_int(ALL_ROUNDS),
                ctypes.c_char_p(SETTINGS),
                ctypes.byref(count),
                ctypes.c_void_p(found.ctypes.data),
            )
        return found


class _SingleRow:
    """What the library prepared for single rows, freed with this object; it holds the trees, so they outlive it."""

    def __init__(self, trees: LightGBMTrees, booster: ctypes.c_void_p, kind: int, features: int) -> None:
        self.trees, self.found, self._count, self._fast = trees, ctypes.c_double(), ctypes.c_int64(), ctypes.c_void_p()
        _call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            booster,
            ctypes.c_int(kind),
            ctypes.c_int(0),
            ctypes.c_int(ALL_ROUNDS),
            ctypes.c_int(DOUBLE),
            ctypes.c_int32(features),
            ctypes.c_char_p(SETTINGS),
            ctypes.byref(self._fast),
        )
        self._finalizer = weakref.finalize(self, _free_single_row, self._fast, trees)
        self._finalizer.atexit = False
        self.call = _locked_library().LGBM_BoosterPredictForMatSingleRowFast

    def arguments(self, x: Matrix) -> tuple[Any, ...]:
        """Return what the call takes for the row in `x`."""
        return self._fast, ctypes.c_void_p(x.ctypes.data), ctypes.byref(self._count), ctypes.byref(self.found)


def text_of(trees: Trees) -> str:
    """Return trees as LightGBM's text, every digit kept; its raw output is their sum before division.

    Raises
    ------
    NotCompiledError
        There are more than :data:`MOST_NODES` nodes.
    """
    if trees.nodes > MOST_NODES:
        raise NotCompiledError(f"{trees.nodes} nodes, at most {MOST_NODES} are handed to LightGBM")
    blocks = [_block(number, tree) for number, tree in enumerate(trees.trees)]
    names, nothing = [f"f{place}" for place in range(trees.features)], ["none"] * trees.features
    sizes = [str(len(block)) for block in blocks]
    head = (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        f"max_feature_idx={trees.features - 1}\nobjective=regression\nfeature_names={' '.join(names)}\n"
        f"feature_infos={' '.join(nothing)}\ntree_sizes={' '.join(sizes)}\n\n"
    )
    return f"{head}{''.join(blocks)}end of trees\n\npandas_categorical:null\n"


def _block(number: int, tree: Tree) -> str:
    lines = [f"Tree={number}", f"num_leaves={len(tree.leaves)}", "num_cat=0"]
    if len(tree.feature):
        lines += [
            f"split_feature={_joined(tree.feature)}",
            f"threshold={_joined(tree.threshold)}",
            f"decision_type={_joined(np.full(len(tree.feature), NUMERIC_SPLIT))}",
            f"left_child={_joined(tree.left)}",
            f"right_child={_joined(tree.right)}",
        ]
    lines += [f"leaf_value={_joined(tree.leaves)}", "is_linear=0", "shrinkage=1"]
    return "\n".join(lines) + "\n\n\n"


def _joined(numbers: npt.NDArray[Any]) -> str:
    return msgspec.json.encode(numbers.tolist())[1:-1].replace(b",", b" ").decode()


@cache
def _library() -> ctypes.CDLL:
    """The library that the package has loaded; its functions give Python's lock away."""
    from lightgbm import basic

    library = getattr(basic, "_LIB", None)
    if not isinstance(library, ctypes.CDLL):
        raise NotCompiledError("this version of the lightgbm package does not show its library")
    return library


@cache
def _locked_library() -> ctypes.PyDLL:
    """The same library; its functions keep Python's lock."""
    return ctypes.PyDLL(_library()._name)


def _call(name: str, *arguments: Any) -> None:
    if getattr(_library(), name)(*arguments):
        raise NotCompiledError(f"LightGBM's library refuses: {_last_error()}")


def _free_single_row(fast: ctypes.c_void_p, trees: LightGBMTrees) -> None:
    _call("LGBM_FastConfigFree", fast)
    del trees


def _last_error() -> str:
    ask = _library().LGBM_GetLastError
    ask.restype = ctypes.c_char_p
    return bytes(ask()).decode("utf-8", "replace")
