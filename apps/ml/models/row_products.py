"""Products of rows and a matrix, each row by itself."""

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

BLOCK = 8192
"""Numbers of the matrix in one step: OpenBLAS splits products of fewer than 9,216 among no threads."""


def row_products(X: Matrix, W: Matrix) -> Matrix:
    """Return X W, float64 [n, m], of rows [n, k] and a matrix [k, m].

    A row gets the same numbers alone and among others, to the last bit and with any number of threads: a product of
    many rows at once adds in another order than that of one, so NumPy is asked for n products of one row.
    """
    width = max(1, BLOCK // max(1, W.shape[0]))
    steps = [W[:, first : first + width] for first in range(0, W.shape[1], width)]
    rows = X[:, None, :]
    return np.concatenate([np.matmul(rows, step)[:, 0, :] for step in steps], axis=1)
