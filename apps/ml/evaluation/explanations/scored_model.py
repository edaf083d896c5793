"""What the explanations need of a model, and how rows are drawn for them."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

GLOBAL_ROWS, LOCAL_ROWS, BACKGROUND_ROWS = 1, 2, 3
"""Streams of randomness: the same seed draws independent rows for each purpose."""


class ScoredModel(Protocol):
    """A model bundle, seen from its explanations."""

    @property
    def estimator(self) -> Any:
        """The fitted estimator behind the scores."""

    def score_encoded(self, X: FloatArray) -> FloatArray:
        """Return the probability of the positive event, or the predicted value, per row of encoded features."""

    def contributions(self, X: FloatArray) -> FloatArray | None:
        """Return exact contributions [n, k + 1], last column the base value, or None.

        The estimator then says how they were computed (`contributions_method`) and on which scale
        (`contributions_output`).
        """


def sample_rows(available: int, wanted: int, seed: int, stream: int) -> IntArray:
    """Draw row positions without replacement, ascending, the same for the same seed and stream.

    Parameters
    ----------
    available : int, >= 0
        Number of rows to draw from.
    wanted : int, >= 0
        Number of rows asked for; all rows are taken if fewer are available.
    seed, stream : int, >= 0
        The seed of the evaluation and one of the streams above.

    Returns
    -------
    int64 [min(available, wanted)]
    """
    generator = np.random.default_rng([seed, stream])
    chosen = generator.choice(available, size=min(available, wanted), replace=False)
    return np.sort(chosen).astype(np.int64)
