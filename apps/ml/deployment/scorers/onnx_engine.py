"""ONNX Runtime as the engine of any trees for many rows, in double precision.

Its operator `TreeEnsemble` compares and adds in the precision of its input. The older operators for trees give single
precision, which flips splits and rounds scores.

References
----------
ONNX, operators of `ai.onnx.ml` version 5, `TreeEnsemble`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.scorers.not_compiled import NotCompiledError
from apps.ml.deployment.scorers.trees import Tree, Trees

Matrix = npt.NDArray[np.float64]
OPERATORS, TREE_OPERATORS, FORMAT = 21, 5, 10
SUM, NO_TRANSFORM, LESS_OR_EQUAL = 1, 0, 0
ERRORS_ONLY = 3

MOST_NODES = 50_000
"""A graph of a million nodes takes seconds to build, 300 MB to hold, and scores no sooner than LightGBM's library."""


class OnnxTrees:
    """Trees in a session of ONNX Runtime with one thread; immutable and safe to share between threads.

    Raises
    ------
    NotCompiledError
        ONNX Runtime is not installed, or there are too many nodes.
    """

    def __init__(self, trees: Trees) -> None:
        if trees.nodes > MOST_NODES:
            raise NotCompiledError(f"{trees.nodes} nodes, at most {MOST_NODES} are handed to ONNX Runtime")
        self._session, self._divisor, self._features = _session(trees), trees.divisor, trees.features

    def rows(self, X: Matrix) -> Matrix:
        """Return float64 [n] for rows [n, features]."""
        if not len(X):
            return np.empty(0)
        found: Matrix = self._session.run(None, {"X": np.ascontiguousarray(X[:, : self._features])})[0]
        return found[:, 0] / self._divisor


def _session(trees: Trees) -> Any:
    try:
        import onnxruntime  # type: ignore[import-not-found, import-untyped, unused-ignore]
        from onnx import TensorProto, helper  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise NotCompiledError("onnx and onnxruntime are not installed") from None
    row, score = (
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, width])
        for name, width in (("X", trees.features), ("Y", 1))
    )
    graph = helper.make_graph([_node(trees)], "trees", [row], [score])
    versions = [helper.make_opsetid("", OPERATORS), helper.make_opsetid("ai.onnx.ml", TREE_OPERATORS)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=FORMAT)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _node(trees: Trees) -> Any:
    from onnx import helper, numpy_helper

    several = [_with_a_node(tree) for tree in trees.trees]
    nodes = np.cumsum([0, *(len(tree.feature) for tree in several)])
    leaves = np.cumsum([0, *(len(tree.leaves) for tree in several)])
    starts = list(zip(several, nodes[:-1].tolist(), leaves[:-1].tolist(), strict=True))
    values = np.concatenate([tree.leaves for tree in several])
    targets = {}
    for name, side in (("true", "left"), ("false", "right")):
        children = [getattr(tree, side) for tree in several]
        targets[f"nodes_{name}leafs"] = np.concatenate([one < 0 for one in children]).astype(np.int64).tolist()
        places = [_places(getattr(tree, side), node, leaf) for tree, node, leaf in starts]
        targets[f"nodes_{name}nodeids"] = np.concatenate(places).tolist()
    return helper.make_node(
        "TreeEnsemble",
        ["X"],
        ["Y"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function=SUM,
        post_transform=NO_TRANSFORM,
        tree_roots=nodes[:-1].tolist(),
        nodes_featureids=np.concatenate([tree.feature for tree in several]).tolist(),
        nodes_splits=numpy_helper.from_array(np.concatenate([tree.threshold for tree in several])),
        nodes_modes=numpy_helper.from_array(np.full(nodes[-1], LESS_OR_EQUAL, np.uint8)),
        leaf_targetids=[0] * len(values),
        leaf_weights=numpy_helper.from_array(values),
        **targets,
    )


def _places(children: npt.NDArray[np.int64], node: int, leaf: int) -> npt.NDArray[np.int64]:
    """Return the numbers of children over all trees: of leaves among the leaves, of nodes among the nodes."""
    return np.where(children < 0, leaf - 1 - children, node + children)


def _with_a_node(tree: Tree) -> Tree:
    """Return the tree; one without nodes gets a node that makes no difference, for the operator needs a first one."""
    if len(tree.feature):
        return tree
    zero = np.zeros(1, dtype=np.int64)
    return Tree(zero, np.zeros(1), zero - 1, zero - 2, np.repeat(tree.leaves, 2))
