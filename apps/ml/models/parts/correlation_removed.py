"""A part whose features are freed of what they tell linearly of the group, before another part scores them."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from apps.ml.errors import BundleError
from apps.ml.models.bundle_files import write_exact_json
from apps.ml.models.parts.numbers import read_checked
from apps.ml.models.parts.part import ReadPart, WritePart
from apps.ml.models.scoring import scores_of

FILE = "correlation_removed.json"
INNER_FOLDER = "inner"

Matrix = npt.NDArray[np.float64]


class CorrelationRemoved:
    """Takes encoded features and, last, the code of the group; scores the features less their group's shift.

    `shifts`: float64 [groups + 1, k], what is taken from each feature by group; the last row is for people whose group
    is unknown (code -1). `inner` scores k features.

    It has no exact contributions: what the group adds goes through all features of the inner part at once.
    """

    kind: ClassVar[str] = "correlation_removed"
    takes_group: ClassVar[bool] = True

    def __init__(self, inner: Any, shifts: Matrix) -> None:
        self.inner = inner
        self.shifts = np.asarray(shifts, dtype=np.float64)
        if self.shifts.ndim != 2 or self.shifts.shape[1] != inner.n_features_in_:
            raise BundleError(
                f"the shifts have the shape {self.shifts.shape}, the inner part takes {inner.n_features_in_} features. "
                "Train the model again."
            )

    @property
    def n_features_in_(self) -> int:
        """Number of encoded features, the group's code included."""
        return int(self.shifts.shape[1]) + 1

    def score(self, X: Matrix) -> Matrix:
        """Return float64 [n] scores of the inner part for encoded features [n, k + 1]."""
        return scores_of(self.inner, removed(X[:, :-1], np.rint(X[:, -1]).astype(np.int64), self.shifts))

    def write(self, folder: Path, write_part: WritePart) -> None:
        """Write `correlation_removed.json` and the inner part in a folder of its own."""
        write_exact_json(folder / FILE, {"shifts": self.shifts.tolist()})
        write_part(folder / INNER_FOLDER, self.inner)

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:
        """Inverse of :meth:`write`."""
        content = read_checked(folder / FILE, ("shifts",))
        return cls(read_part(folder / INNER_FOLDER), content.floats("shifts", (None, None)))


def removed(X: Matrix, codes: npt.NDArray[np.int64], shifts: Matrix) -> Matrix:
    """Return float64 [n, k]: the features less the shift of each row's group; a code without a shift is unknown."""
    known = (codes >= 0) & (codes < len(shifts) - 1)
    return np.asarray(X - shifts[np.where(known, codes, len(shifts) - 1)], dtype=np.float64)
