"""An estimator behind a curve that turns what it computes into probabilities."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from apps.ml.models.bundle_files import write_exact_json
from apps.ml.models.outputs import log_odds, outputs_of
from apps.ml.models.parts.numbers import CheckedContent, read_checked
from apps.ml.models.parts.part import ExplainedPart, ReadPart, WritePart

Matrix = npt.NDArray[np.float64]
CURVE_FILE = "calibration.json"
INNER_FOLDER = "inner"


@dataclass(frozen=True)
class Sigmoid:
    """Log-odds = slope × output + intercept; the slope is not negative, so the order of the rows stays."""

    slope: float
    intercept: float

    def log_odds(self, outputs: Matrix) -> Matrix:
        """Return float64 [n] log-odds of outputs [n]."""
        return self.slope * outputs + self.intercept

    def probabilities(self, outputs: Matrix) -> Matrix:
        """Return float64 [n] in [0, 1]."""
        from scipy.special import expit

        return np.asarray(expit(self.log_odds(outputs)), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content."""
        return {"method": "sigmoid", "slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True)
class Isotonic:
    """Straight lines between points of outputs, ascending, and probabilities, not falling; level beyond the ends."""

    outputs: tuple[float, ...]
    values: tuple[float, ...]

    def probabilities(self, outputs: Matrix) -> Matrix:
        """Return float64 [n] in [0, 1]."""
        return np.asarray(np.interp(outputs, self.outputs, self.values), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content."""
        return {"method": "isotonic", "outputs": list(self.outputs), "values": list(self.values)}


Curve = Sigmoid | Isotonic


class Calibrated:
    """A fitted estimator and the curve over its outputs (:func:`apps.ml.models.outputs.outputs_of`).

    A sigmoid adds and multiplies, so it keeps exact contributions exact: `contributions` and the words about them exist
    where the inner estimator explains itself and the curve is a sigmoid, and are None elsewhere.
    """

    kind: ClassVar[str] = "calibrated"

    def __init__(self, inner: Any, curve: Curve) -> None:
        self.inner, self.curve = inner, curve
        explained = isinstance(inner, ExplainedPart) and isinstance(curve, Sigmoid)
        self.contributions: Callable[[Matrix], Matrix] | None = self._scaled if explained else None
        self.contributions_method: str | None = inner.contributions_method if explained else None
        self.contributions_output = "log-odds" if isinstance(curve, Sigmoid) else "probability"

    @property
    def n_features_in_(self) -> int:
        """Number of encoded features."""
        return int(self.inner.n_features_in_)

    def score(self, X: Matrix) -> Matrix:
        """Return [n] calibrated probabilities of label 1."""
        return self.curve.probabilities(outputs_of(self.inner, X))

    def log_odds(self, X: Matrix) -> Matrix:
        """Return [n] log-odds behind the scores; a sigmoid's have all their digits where the scores are near 0 or 1."""
        outputs = outputs_of(self.inner, X)
        if isinstance(self.curve, Sigmoid):
            return self.curve.log_odds(outputs)
        return log_odds(self.curve.probabilities(outputs))

    def write(self, folder: Path, write_part: WritePart) -> None:
        """Write the curve as `calibration.json` and the estimator into `inner`."""
        write_exact_json(folder / CURVE_FILE, self.curve.to_dict())
        write_part(folder / INNER_FOLDER, self.inner)

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:
        """Read what :meth:`write` wrote; :class:`BundleError` where it is anything else."""
        return cls(read_part(folder / INNER_FOLDER), _curve(read_checked(folder / CURVE_FILE)))

    def _scaled(self, X: Matrix) -> Matrix:
        return scaled_contributions(self.inner.contributions(X), self.curve)


def scaled_contributions(contributions: Matrix, curve: Curve) -> Matrix:
    """Return [n, k + 1] contributions to the log-odds of a sigmoid from those to the output before it."""
    if not isinstance(curve, Sigmoid):
        raise TypeError("only a sigmoid keeps contributions exact")
    scaled = curve.slope * contributions
    scaled[:, -1] += curve.intercept
    return scaled


def _curve(content: CheckedContent) -> Curve:
    if content.text("method", ("sigmoid", "isotonic")) == "sigmoid":
        return Sigmoid(content.number("slope", low=0.0), content.number("intercept"))
    outputs = content.floats("outputs", (None,))
    values = content.floats("values", (len(outputs),), 0.0, 1.0)
    content.require(len(outputs) > 0 and bool(np.all(np.diff(outputs) > 0)), "outputs", "a list of ascending numbers")
    content.require(bool(np.all(np.diff(values) >= 0)), "values", "a list of numbers that do not fall")
    return Isotonic(tuple(outputs.tolist()), tuple(values.tolist()))
