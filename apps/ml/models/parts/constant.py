"""A part that says the same of everybody: what a fit comes to where all rows carry one label."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from apps.ml.models.bundle_files import write_exact_json
from apps.ml.models.parts.numbers import read_checked
from apps.ml.models.parts.part import ReadPart, WritePart

FILE = "constant.json"


@dataclass(frozen=True)
class Constant:
    """Gives every row of `n_features_in_` features the score `value`."""

    value: float
    n_features_in_: int
    kind: ClassVar[str] = "constant"

    def score(self, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return float64 [n], all of them `value`."""
        return np.full(len(X), self.value)

    def write(self, folder: Path, write_part: WritePart) -> None:  # noqa: ARG002 (holds no part)
        """Write `constant.json`."""
        write_exact_json(folder / FILE, {"value": self.value, "features": self.n_features_in_})

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:  # noqa: ARG003 (holds no part)
        """Inverse of :meth:`write`."""
        content = read_checked(folder / FILE, ("value", "features"))
        return cls(content.number("value"), content.whole("features", 1))
