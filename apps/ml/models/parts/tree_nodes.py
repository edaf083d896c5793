"""Whether the nodes of a stored tree stay inside it: what every library of trees follows without looking."""

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


def lead_forward(left: Integers, right: Integers, inner: Integers, size: int) -> bool:
    """Tell whether each inner node leads to two later nodes of a tree of `size` nodes, and each node has one parent.

    Later nodes rule out circles; one parent for each node but the first makes it one tree.

    Parameters
    ----------
    left, right : int64 [m]
        Numbers of the children of the inner nodes.
    inner : int64 [m]
        Numbers of the inner nodes themselves.
    """
    children = np.concatenate([left, right])
    if np.any(left <= inner) or np.any(right <= inner) or np.any(children >= size):
        return False
    return len(children) == size - 1 and len(np.unique(children)) == size - 1
