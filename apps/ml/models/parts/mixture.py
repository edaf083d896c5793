"""Several fitted estimators of which chance decides for each row: what the reductions of fair classification give.

The score of a row is the mean of its members' scores, weighed by how often each is drawn. Its decision is that of one
member, drawn from the row itself (:mod:`apps.ml.models.parts.draws`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from apps.ml.errors import BundleError
from apps.ml.models.bundle_files import write_exact_json
from apps.ml.models.parts.draws import draws
from apps.ml.models.parts.numbers import read_checked
from apps.ml.models.parts.part import ReadPart, WritePart
from apps.ml.models.scoring import scores_of

MIXTURE_FILE = "mixture.json"
DRAWN_FILE = "drawn_member.json"
MOST_MEMBERS = 10_000
WEIGHTS_SUM_WITHIN = 1e-9

Matrix = npt.NDArray[np.float64]


class Mixture:
    """Fitted estimators `members` and the shares `weights` [m] with which they are drawn, positive and adding to 1."""

    kind: ClassVar[str] = "mixture"

    def __init__(self, members: Sequence[Any], weights: Matrix) -> None:
        self.members = tuple(members)
        self.weights = np.asarray(weights, dtype=np.float64)
        widths = {int(member.n_features_in_) for member in self.members}
        if len(widths) != 1 or self.weights.shape != (len(self.members),):
            raise BundleError(
                f"a mixture of {len(self.members)} members with {self.weights.size} weights and {len(widths)} widths: "
                "expected a weight for each, and one width. Train the model again."
            )
        if (self.weights <= 0).any() or abs(float(self.weights.sum()) - 1.0) > WEIGHTS_SUM_WITHIN:
            raise BundleError("the weights of a mixture are not positive shares of 1. Train the model again.")

    @property
    def n_features_in_(self) -> int:
        """Number of encoded features that every member expects."""
        return int(self.members[0].n_features_in_)

    def score(self, X: Matrix) -> Matrix:
        """Return float64 [n]: the mean of the members' scores by weight."""
        total = np.zeros(len(X))
        for member, weight in zip(self.members, self.weights, strict=True):
            total += weight * scores_of(member, X)
        return np.minimum(total, 1.0)

    def drawn(self, X: Matrix, seed: int) -> npt.NDArray[np.int64]:
        """Return int64 [n]: the position of each row's member."""
        places = np.searchsorted(np.cumsum(self.weights), draws(X, seed), side="right")
        return np.minimum(places, len(self.members) - 1).astype(np.int64)

    def drawn_scores(self, X: Matrix, seed: int) -> Matrix:
        """Return float64 [n]: the score that each row's own member gives it."""
        places, found = self.drawn(X, seed), np.empty(len(X))
        for place in np.unique(places):
            rows = places == place
            found[rows] = scores_of(self.members[place], X[rows])
        return found

    def write(self, folder: Path, write_part: WritePart) -> None:
        """Write `mixture.json` and each member in a folder of its own."""
        write_exact_json(folder / MIXTURE_FILE, {"weights": self.weights.tolist()})
        for place, member in enumerate(self.members):
            write_part(folder / _name(place), member)

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:
        """Inverse of :meth:`write`."""
        content = read_checked(folder / MIXTURE_FILE, ("weights",))
        weights = content.floats("weights", (None,), 0.0, 1.0)
        content.require(0 < len(weights) <= MOST_MEMBERS, "weights", f"a list of 1 to {MOST_MEMBERS} numbers")
        return cls([read_part(folder / _name(place)) for place in range(len(weights))], weights)


@dataclass(frozen=True)
class DrawnMember:
    """The adjustment of a mixture: decisions follow the member that is drawn for the row.

    `mixture`: the estimator of the same bundle; None until :meth:`bound_to`, for it is stored once.
    """

    seed: int
    mixture: Mixture | None = None
    kind: ClassVar[str] = "drawn_member"
    needs_group: ClassVar[bool] = False
    randomised: ClassVar[bool] = True

    def bound_to(self, estimator: Any) -> "DrawnMember":
        """Return the adjustment of this estimator.

        Raises
        ------
        BundleError
            The estimator is no mixture.
        """
        if not isinstance(estimator, Mixture):
            raise BundleError(
                f"members are to be drawn from a {type(estimator).__name__}, which has none. Train the model again."
            )
        return DrawnMember(self.seed, estimator)

    def decision_scores(self, scores: Matrix, X: Matrix) -> Matrix:
        """Return float64 [n]: the score of each row's own member."""
        if self.mixture is None:
            raise BundleError(f"{len(scores)} rows have no mixture to draw from. Read the bundle with `read_bundle`.")
        return self.mixture.drawn_scores(X, self.seed)

    def write(self, folder: Path, write_part: WritePart) -> None:  # noqa: ARG002 (holds no part)
        """Write `drawn_member.json`; the members are in the estimator's folders."""
        write_exact_json(folder / DRAWN_FILE, {"seed": self.seed})

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:  # noqa: ARG003 (holds no part)
        """Inverse of :meth:`write`, not bound to an estimator yet."""
        return cls(read_checked(folder / DRAWN_FILE, ("seed",)).whole("seed", 0))


def _name(place: int) -> str:
    return f"member_{place:03d}"
