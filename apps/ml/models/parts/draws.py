"""Draws that are made from the row itself: the same row always gets the same one, and nobody can draw again.

A decision rule that needs chance is turned into a fixed one by hashing the row: over many rows the draws are those of a
fair die, for one row there is nothing random. Whoever can change a feature a little can still get another draw.

References
----------
Cotter, Narasimhan, Gupta (2019), "On Making Stochastic Classifiers Deterministic", NeurIPS, section 3.
"""

import hashlib

import numpy as np
import numpy.typing as npt

MOST = 2**53
"""Draws are whole multiples of 1 / MOST, so that they are exact in float64 and below 1."""


def draws(X: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.float64]:
    """Return float64 [n] in [0, 1): one draw per row of encoded features [n, k], uniform over rows and seeds.

    The features are rounded to float32 first: other processors differ in the last digits of an encoded feature, and
    their draws must not.
    """
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(X, dtype="<f4") + np.float32(0.0)
    key = seed.to_bytes(16, "little", signed=True)
    found = [int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8, key=key).digest(), "little") for row in rows]
    return np.array([number >> 11 for number in found], dtype=np.float64) / MOST
