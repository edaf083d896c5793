"""What every part of our own gives: numbers for rows, and files that hold no code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
WritePart = Callable[[Path, Any], None]
ReadPart = Callable[[Path], Any]


@runtime_checkable
class Part(Protocol):
    """A fitted estimator of our own, immutable and safe to share between threads.

    `kind` names it in `part.json`. `n_features_in_`: the width k of the matrix that it takes.
    """

    kind: ClassVar[str]

    @property
    def n_features_in_(self) -> int: ...

    def score(self, X: Matrix) -> Matrix:
        """Return float64 [n]: the probability of the positive event, or for a numeric label the predicted value.

        Each row must get the same number alone and among others.
        """

    def write(self, folder: Path, write_part: WritePart) -> None:
        """Write everything into `folder` (it exists); `write_part` writes a part inside into a folder of its own."""

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:
        """Inverse of :meth:`write`.

        Raises
        ------
        BundleError
            The files are not what `write` writes.
        """


@runtime_checkable
class ExplainedPart(Protocol):
    """A part that explains its scores exactly."""

    @property
    def contributions_method(self) -> str:
        """How they are computed, in words for the evidence."""

    @property
    def contributions_output(self) -> str:
        """`log-odds`, `probability` or `value`: the scale on which contributions and base add up."""

    def contributions(self, X: Matrix) -> Matrix:
        """Return float64 [n, k + 1]: what each encoded feature adds, the last column the base value."""


@runtime_checkable
class Adjustment(Protocol):
    """What stands between scores and decisions: moves scores so that one threshold decides for everybody.

    `needs_group`: the last column of X is the code of the person's group (see `GroupInput`). `randomised`: decisions
    depend on a draw, which is made from the row itself, so that the same row always gets the same decision.
    """

    kind: ClassVar[str]
    needs_group: ClassVar[bool]
    randomised: ClassVar[bool]

    def decision_scores(self, scores: Matrix, X: Matrix) -> Matrix:
        """Return float64 [n] in [0, 1] that are compared with the threshold in place of the scores."""

    def write(self, folder: Path, write_part: WritePart) -> None:
        """As :meth:`Part.write`."""

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:
        """As :meth:`Part.read`."""
