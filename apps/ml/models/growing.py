"""A fit that can be watched and stopped while it grows."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Growing(Protocol):
    """A fit that has spent `spent` units of its resource so far."""

    @property
    def spent(self) -> int:
        """Units of the resource that were spent."""

    def grow_to(self, units: int) -> None:
        """Grow until `units` were spent in all; never shrinks."""

    def score(self, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return float64 [n]: what the model as grown so far says of encoded features [n, k]."""

    def fitted(self) -> Any:
        """Return the fitted estimator as grown so far."""
