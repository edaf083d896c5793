"""An estimator that was fitted to numeric labels in other units, and the way back to the label's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from apps.ml.errors import BundleError
from apps.ml.models.outputs import outputs_of, scale_of
from apps.ml.models.parts.numbers import REPAIR, read_checked, write_numbers
from apps.ml.models.parts.part import ExplainedPart, ReadPart, WritePart

FILE = "rescaled.json"
INNER_FOLDER = "inner"

Matrix = npt.NDArray[np.float64]


class Rescaled:
    """Gives `shift` + `factor` × what `inner` predicts; `factor` is above 0. Contributions are rescaled alike.

    They exist where the inner estimator explains itself; elsewhere `contributions` is None.

    Raises
    ------
    BundleError
        The inner estimator predicts no numbers.
    """

    kind: ClassVar[str] = "rescaled"
    contributions_output = "value"

    def __init__(self, inner: Any, factor: float, shift: float) -> None:
        if scale_of(inner) != "value":
            raise BundleError(f"a {type(inner).__name__} that predicts no numbers cannot be rescaled. {REPAIR}")
        self.inner, self.factor, self.shift = inner, factor, shift
        explained = isinstance(inner, ExplainedPart)
        self.contributions: Callable[[Matrix], Matrix] | None = self._rescaled if explained else None
        self.contributions_method: str | None = inner.contributions_method if explained else None

    @property
    def n_features_in_(self) -> int:
        """Number of encoded features."""
        return int(self.inner.n_features_in_)

    def score(self, X: Matrix) -> Matrix:
        """Return float64 [n] predicted values."""
        return self.shift + self.factor * outputs_of(self.inner, X)

    def write(self, folder: Path, write_part: WritePart) -> None:
        """Write `rescaled.json` and the estimator into `inner`."""
        write_numbers(folder / FILE, {"factor": self.factor, "shift": self.shift})
        write_part(folder / INNER_FOLDER, self.inner)

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:
        """Inverse of :meth:`write`."""
        content = read_checked(folder / FILE, ("factor", "shift"))
        factor = content.number("factor", float(np.nextafter(0.0, 1.0)))
        return cls(read_part(folder / INNER_FOLDER), factor, content.number("shift"))

    def _rescaled(self, X: Matrix) -> Matrix:
        found = self.factor * self.inner.contributions(X)
        found[:, -1] += self.shift
        return np.asarray(found, dtype=np.float64)
