"""One threshold per group, without chance: a score is moved so that the model's common threshold decides for everybody.

A score s of a group whose threshold is t_g lands at t s / t_g below it and at 1 - (1 - t)(1 - s) / (1 - t_g) from it
on: t_g lands at the common threshold t, 0 and 1 stay, and the order within a group is kept. Each step of this rounds
monotonously, and both pieces are held to their side of t, so that the decision is that of `s >= t_g` to the last bit.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from apps.ml.models.bundle_files import write_exact_json
from apps.ml.models.parts.numbers import read_checked
from apps.ml.models.parts.part import ReadPart, WritePart

FILE = "group_thresholds.json"
NOBODY = float(np.nextafter(1.0, 2.0))
"""The threshold that no score reaches."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GroupThresholds:
    """Adjustment: decisions by the threshold of the person's group.

    `thresholds`: float64 [groups], each from 0 (everybody) to :data:`NOBODY`. `threshold`: the common one, above 0; it
    decides for people whose group is unknown.
    """

    thresholds: Matrix
    threshold: float
    kind: ClassVar[str] = "group_thresholds"
    needs_group: ClassVar[bool] = True
    randomised: ClassVar[bool] = False

    def decision_scores(self, scores: Matrix, X: Matrix) -> Matrix:
        """Return float64 [n] in [0, 1]: at or above the common threshold exactly where the group's own is reached.

        The last column of X is the code of the group. A common threshold above 1, which nobody reaches, is itself the
        largest decision score.

        Examples
        --------
        With the common threshold 0.5 and 0.8 for the group: 0.4 lands at 0.25, 0.8 at 0.5, 0.9 at 0.75.
        """
        codes = X[:, -1].astype(np.int64)
        known = (codes >= 0) & (codes < len(self.thresholds))
        own = self.thresholds[np.where(known, codes, 0)]
        return np.where(known, moved_to(scores, own, self.threshold), scores)

    def write(self, folder: Path, write_part: WritePart) -> None:  # noqa: ARG002 (holds no part)
        """Write `group_thresholds.json`."""
        write_exact_json(folder / FILE, {"thresholds": self.thresholds.tolist(), "threshold": self.threshold})

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:  # noqa: ARG003 (holds no part)
        """Inverse of :meth:`write`."""
        content = read_checked(folder / FILE, ("thresholds", "threshold"))
        smallest = float(np.finfo(np.float64).tiny)
        thresholds = content.floats("thresholds", (None,), 0.0, NOBODY)
        content.require(len(thresholds) > 0, "thresholds", "one number or more")
        return cls(thresholds, content.number("threshold", smallest, NOBODY))


def moved_to(scores: Matrix, own: Matrix, common: float) -> Matrix:
    """Return float64 [n]: scores moved so that `own` [n] lands at `common`; not below it exactly where score >= own."""
    reached = scores >= own
    room = np.where(own < 1.0, 1.0 - own, 1.0)
    above = np.maximum(1.0 - (1.0 - common) * ((1.0 - scores) / room), common)
    below = np.minimum(common * (np.minimum(scores, own) / np.where(own > 0.0, own, 1.0)), np.nextafter(common, 0.0))
    return np.where(reached, np.minimum(above, max(1.0, common)), np.minimum(below, 1.0))
