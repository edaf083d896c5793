"""Cells of group × label, and how often each would be met if the two had nothing to do with one another.

Rows whose group is unknown form a group of their own here: they are rows to learn from like any others. A numeric label
has no such cells, which is why reweighing and resampling are for labels of two classes only.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.models.mitigation.request import Codes, Numbers

Labels = npt.NDArray[np.int8] | Numbers


@dataclass(frozen=True)
class Cells:
    """Rows by group and label.

    `rows`: int64 [groups + 1, 2]; entry 0 holds the rows whose group is unknown, entry a + 1 those of code a.
    """

    rows: npt.NDArray[np.int64]

    @property
    def expected(self) -> Numbers:
        """Return float64 [groups + 1, 2]: rows of each cell under independence, n P(a) P(y)."""
        return np.asarray(
            self.rows.sum(axis=1, keepdims=True) * self.rows.sum(axis=0, keepdims=True) / self.rows.sum(),
            dtype=np.float64,
        )


def count_cells(codes: Codes, labels: Labels, groups: int) -> Cells:
    """Count rows by code [n] from -1 to groups - 1, and label [n] of 0 and 1."""
    return Cells(np.bincount(places(codes, labels), minlength=2 * (groups + 1)).reshape(-1, 2))


def places(codes: Codes, labels: Labels) -> npt.NDArray[np.int64]:
    """Return int64 [n]: the position of each row's cell in the flattened table of :class:`Cells`."""
    return 2 * (np.asarray(codes, dtype=np.int64) + 1) + np.asarray(labels).astype(np.int64)
