"""Several fitted estimators whose outputs are added with weights: what voting and stacking have in common."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from apps.ml.errors import BundleError
from apps.ml.models.outputs import log_odds, outputs_of, scale_of
from apps.ml.models.parts.numbers import REPAIR, read_checked, write_numbers
from apps.ml.models.parts.part import ExplainedPart, ReadPart, WritePart
from apps.ml.models.scoring import logistic, within_single_precision

Matrix = npt.NDArray[np.float64]
MEMBERS_FOLDER = "members"
WEIGHTS_FILE = "weights.json"
SCALES = ("log-odds", "probability", "value")

SURE = 1e-6
"""Probabilities are kept this far from 0 and 1 before their log-odds are added: a forest's 0 only says that none of its
leaves held the other class, and would outvote everybody."""


class WeightedMembers:
    """Members, the scale on which their outputs are added, and the weights; immutable.

    Contributions are the members' own, weighted; they exist where every member explains itself exactly on the scale. A
    linear member is explained against the means of the training rows. Elsewhere `contributions` is None.

    Parameters
    ----------
    members
        Fitted estimators of the catalogue on the same encoded features.
    scale
        `log-odds`, `probability` or `value`.
    weights : float64 [members]
    intercept
        Added to the weighted sum.
    means : float64 [k]
        Means of the encoded features over the training rows.

    Raises
    ------
    BundleError
        The members do not go together.
    """

    kind: ClassVar[str]
    scales: ClassVar[tuple[str, ...]] = SCALES
    """The scales on which members may be added."""

    def __init__(
        self, members: Sequence[Any], scale: str, weights: npt.ArrayLike, intercept: float, means: npt.ArrayLike
    ) -> None:
        self.members, self.scale, self.intercept = tuple(members), scale, intercept
        self.weights, self.means = np.asarray(weights, dtype=np.float64), np.asarray(means, dtype=np.float64)
        self._require_fitting()
        explained = all(_explains(member, scale) for member in self.members)
        self.contributions: Callable[[Matrix], Matrix] | None = self._weighted if explained else None
        self.contributions_method: str | None = self._method() if explained else None

    @property
    def n_features_in_(self) -> int:
        """Number of encoded features."""
        return len(self.means)

    @property
    def contributions_output(self) -> str:
        """The scale on which members are added."""
        return self.scale

    def log_odds(self, X: Matrix) -> Matrix:
        """Return float64 [n]: the weighted sum on its scale; log-odds of label 1 where the scale is that."""
        rows = within_single_precision(X)
        total = np.full(len(rows), self.intercept)
        for member, weight in zip(self.members, self.weights, strict=True):
            total += weight * output_on(self.scale, member, rows)
        return total

    def score(self, X: Matrix) -> Matrix:
        """Return [n] probabilities of label 1, or predicted values."""
        if not len(X):
            return np.empty(0)
        total = self.log_odds(X)
        return logistic(total) if self.scale == "log-odds" else total

    def write(self, folder: Path, write_part: WritePart) -> None:
        """Write the weights as `weights.json` and each member into a folder of its own."""
        content = {
            "scale": self.scale,
            "weights": self.weights.tolist(),
            "intercept": self.intercept,
            "means": self.means.tolist(),
        }
        write_numbers(folder / WEIGHTS_FILE, content)
        for place, member in enumerate(self.members):
            write_part(folder / MEMBERS_FOLDER / str(place), member)

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:
        """Read what :meth:`write` wrote; :class:`BundleError` where it is anything else."""
        content = read_checked(folder / WEIGHTS_FILE, ("scale", "weights", "intercept", "means"))
        weights = content.floats("weights", (None,))
        content.require(len(weights) >= 1, "weights", "a list of at least one number")
        scale, intercept = content.text("scale", cls.scales), content.number("intercept")
        means = content.floats("means", (None,))
        members = [read_part(folder / MEMBERS_FOLDER / str(place)) for place in range(len(weights))]
        return cls(members, scale, weights, intercept, means)

    def _weighted(self, X: Matrix) -> Matrix:
        rows = within_single_precision(X)
        total = np.zeros((len(rows), self.n_features_in_ + 1))
        for member, weight in zip(self.members, self.weights, strict=True):
            total += weight * (member.contributions(rows) if _explains_itself(member) else self._linear(member, rows))
        total[:, -1] += self.intercept
        return total

    def _linear(self, member: Any, X: Matrix) -> Matrix:
        """Exact Shapley values of a linear estimator against the training means: weight × (value − mean)."""
        weights = np.ravel(member.coef_)
        base = float(np.ravel(member.intercept_)[0]) + float(np.sum(weights * self.means))
        return np.column_stack([weights * (X - self.means), np.full(len(X), base)])

    def _method(self) -> str:
        words = [
            member.contributions_method if _explains_itself(member) else "linear, interventional over training means"
            for member in self.members
        ]
        return f"weighted sum over members ({'; '.join(dict.fromkeys(words))})"

    def _require_fitting(self) -> None:
        for member in self.members:
            wrong = None
            if isinstance(member, WeightedMembers):
                wrong = "is an ensemble itself"
            elif getattr(member, "n_features_in_", None) != len(self.means):
                wrong = "takes other encoded features"
            elif (scale_of(member) == "value") != (self.scale == "value") or scale_of(member) == "margin":
                wrong = f"gives a {scale_of(member)}, which is not added on the scale {self.scale}"
            if wrong:
                raise BundleError(f"a member of the ensemble, {type(member).__name__}, {wrong}. {REPAIR}")


def output_on(scale: str, member: Any, X: Matrix) -> Matrix:
    """Return float64 [n]: what a fitted estimator says of encoded rows, on a scale of an ensemble."""
    own = scale_of(member)
    found = outputs_of(member, X)
    if own == scale:
        return found
    if scale == "log-odds":
        return log_odds(np.clip(found, SURE, 1.0 - SURE))
    return logistic(found)


def _explains(member: Any, scale: str) -> bool:
    return scale_of(member) == scale and (_explains_itself(member) or hasattr(member, "coef_"))


def _explains_itself(member: Any) -> bool:
    return isinstance(member, ExplainedPart)
