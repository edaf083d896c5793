"""The score table [group × label × step]: ranking, calibration and threshold curves by group come from it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.statistics.counting.counts import group_positions

SCORE_UNIT = 2**32
"""Sums of scores are whole numbers of this part of 1, so that they add up exactly in any order."""


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Numbers of rows by group, label and step of the score, steps of equal width over [0, 1].

    `rows`: int64 [g, 2, b], axis 1 is the label. `score_sums`: int64 [g, 2, b], sums of scores in units of 2⁻³².
    Rows without labels stand under label 0.
    """

    groups: tuple[str, ...]
    rows: npt.NDArray[np.int64]
    score_sums: npt.NDArray[np.int64]

    @property
    def bins(self) -> int:
        """Steps."""
        return self.rows.shape[2]

    def select(self, groups: Iterable[str]) -> "ScoreTable":
        """Return the table of the named groups, in the order given.

        Raises
        ------
        DataError
            There is no such group.
        """
        names = tuple(groups)
        at = group_positions(names, self.groups)
        return ScoreTable(names, self.rows[at], self.score_sums[at])

    def together(self, name: str = "all") -> "ScoreTable":
        """Return the table of all groups as one."""
        return ScoreTable((name,), self.rows.sum(axis=0, keepdims=True), self.score_sums.sum(axis=0, keepdims=True))


def score_steps(scores: npt.NDArray[np.float64], bins: int) -> npt.NDArray[np.int64]:
    """Return the step of each score, int64 [n]: step i holds scores from i / bins to below (i + 1) / bins, the last
    step also 1."""
    steps = np.minimum((scores * bins).astype(np.int64), bins - 1)
    # A product may round across a border, up or down.
    steps -= steps / bins > scores
    return steps + (((steps + 1) / bins <= scores) & (steps < bins - 1))
