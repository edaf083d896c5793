"""LightGBM's text, checked before LightGBM reads it: its prediction follows the numbers of nodes without looking.

A made-up text could send it outside a tree, round in circles or to features that do not exist. LightGBM finds trees by
the lengths that the head announces, so these are checked as well: what is checked here is what LightGBM reads. What
stands behind the trees, the parameters of the training, is not handed to it: answers need none of it, and some
misspelt ones end the process.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.errors import BundleError
from apps.ml.models.parts.tree_nodes import lead_forward

OBJECTIVES: Mapping[str, str] = {"binary sigmoid:1": "log-odds", "regression": "value"}
"""Objective in the head → scale on which the trees add up."""

HEAD = (
    "version",
    "num_class",
    "num_tree_per_iteration",
    "label_index",
    "max_feature_idx",
    "objective",
    "feature_names",
    "feature_infos",
    "tree_sizes",
)
MONOTONE = "monotone_constraints"
"""Only in the head of trees that are held to directions."""

NODES = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child", "internal_value")
MORE_NODES = ("internal_weight", "internal_count")
LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
SINGLE = ("Tree", "num_leaves", "num_cat", "is_linear", "shrinkage")
WHOLE_NUMBERS = re.compile(r"-?[0-9]{1,9}( -?[0-9]{1,9})*")
WHOLE = ("split_feature", "decision_type", "left_child", "right_child")
NUMERIC_SPLIT = 2
"""`decision_type` of a numeric split whose missing values go left; the features have none."""

END_OF_TREES = "end of trees\n"
END = "pandas_categorical:null"
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LightGBMText:
    """What the head says: encoded features, trees, and the scale on which the trees add up.

    `model`: the checked part of the text, all that LightGBM needs to answer.
    """

    features: int
    trees: int
    output: str
    model: str


def check_text(text: str) -> LightGBMText:
    """Check a text and return what its head says.

    Raises
    ------
    BundleError
        It is no text of LightGBM for a binary or numeric label, or one of its trees is unsound.
    """
    try:
        return _checked(text)
    except (KeyError, ValueError) as error:
        raise BundleError("the text is not a LightGBM model whose trees are sound. Train the model again.") from error


def _checked(text: str) -> LightGBMText:
    start = text.index("Tree=0\n")
    _require(text.startswith("tree\n") and text.isascii() and "\r" not in text)
    head = _pairs(text[:start].split("\n")[1:])
    features = _count(head["max_feature_idx"]) + 1
    _require(head["num_class"] == head["num_tree_per_iteration"] == "1" and head["objective"] in OBJECTIVES)
    _require(set(head) - {MONOTONE} == set(HEAD))
    sizes = [_count(size) for size in head["tree_sizes"].split(" ")]
    for number, size in enumerate(sizes):
        _require(size > 0)
        _check_tree(text[start : start + size], number, features)
        start += size
    _require(text.startswith(END_OF_TREES, start) and text.rstrip().endswith(END))
    model = f"{text[:start]}{END_OF_TREES}\n{END}\n"
    return LightGBMText(features, len(sizes), OBJECTIVES[head["objective"]], model)


def _check_tree(block: str, number: int, features: int) -> None:
    fields = _pairs(block.rstrip("\n").split("\n"))
    _require(set(fields) == {*SINGLE, *NODES, *MORE_NODES, *LEAVES} and block.endswith("\n\n\n"))
    _require(fields["Tree"] == str(number) and fields["num_cat"] == "0" and fields["is_linear"] == "0")
    leaves = _count(fields["num_leaves"])
    _require(leaves > 0)
    inner = leaves - 1
    if not inner:
        _numbers(fields["leaf_value"], 1)
        return
    for key in LEAVES:
        _numbers(fields[key], leaves)
    nodes = {key: _numbers(fields[key], inner) for key in (*NODES, *MORE_NODES)}
    _require(all(WHOLE_NUMBERS.fullmatch(fields[key]) for key in WHOLE))
    feature = nodes["split_feature"]
    _require(bool(np.all((feature >= 0) & (feature < features) & (nodes["decision_type"] == NUMERIC_SPLIT))))
    left, right = (_numbered(nodes[key], inner) for key in ("left_child", "right_child"))
    _require(lead_forward(left, right, np.arange(inner), inner + leaves))


def _numbered(children: Numbers, inner: int) -> npt.NDArray[np.int64]:
    """Return one count over inner nodes and leaves: LightGBM writes leaf j as -1 - j."""
    return np.where(children < 0, inner - 1 - children, children).astype(np.int64)


def _pairs(lines: Sequence[str]) -> dict[str, str]:
    found = dict(line.split("=", 1) for line in lines if line)
    _require(len(found) == sum(bool(line) for line in lines))
    return found


def _numbers(text: str, count: int) -> Numbers:
    _require("_" not in text)
    found = np.array([float(number) for number in text.split(" ")])
    _require(len(found) == count and bool(np.isfinite(found).all()))
    return found


def _count(text: str) -> int:
    """Python reads whole numbers, such as 1_0, that LightGBM reads otherwise."""
    _require(text.isdigit() and len(text) < 10)
    return int(text)


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("unsound")
