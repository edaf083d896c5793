"""What boosted trees of every library have in common: the library's text, checked, and what follows from it alone."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from apps.ml.files import write_text
from apps.ml.models.parts.numbers import read_text
from apps.ml.models.parts.part import ReadPart, WritePart

Matrix = npt.NDArray[np.float64]


class CheckedText(Protocol):
    """What the check of a library's text found: encoded features, and the scale on which the trees add up."""

    @property
    def features(self) -> int: ...

    @property
    def output(self) -> str: ...


class StoredTrees(ABC):
    """Boosted trees for a binary or numeric label; immutable and safe to share between threads.

    Parameters
    ----------
    text
        The library's own text, from which everything is built.
    found
        What the check of the text found.
    """

    kind: ClassVar[str]
    file: ClassVar[str]
    """Name of the text in a bundle."""

    contributions_method = "native tree contributions, path-dependent"

    def __init__(self, text: str, found: CheckedText) -> None:
        self._text, self._found = text, found

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self._text,)

    @property
    def n_features_in_(self) -> int:
        """Number of encoded features that the trees expect."""
        return self._found.features

    @property
    def classes_(self) -> npt.NDArray[np.int64]:
        """The two labels in the order of `predict_proba`'s columns."""
        return np.array([0, 1])

    @property
    def text(self) -> str:
        """The library's own text."""
        return self._text

    @property
    def contributions_output(self) -> str:
        """`log-odds` for a binary label, `value` for a numeric one."""
        return self._found.output

    @abstractmethod
    def score(self, X: npt.ArrayLike) -> Matrix:
        """Return [n] probabilities of label 1, or predicted values."""

    def predict_proba(self, X: npt.ArrayLike) -> Matrix:
        """Return [n, 2] probabilities of label 0 and label 1."""
        positive = self.score(X)
        return np.column_stack([1.0 - positive, positive])

    def write(self, folder: Path, write_part: WritePart) -> None:  # noqa: ARG002 (holds no part)
        """Write the text, which the library's own tools read."""
        write_text(folder / self.file, self._text)

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:  # noqa: ARG003 (holds no part)
        """Inverse of :meth:`write`."""
        return cls.of_text(read_text(folder / cls.file))

    @classmethod
    @abstractmethod
    def of_text(cls, text: str) -> Self:
        """Build the trees from the library's text.

        Raises
        ------
        BundleError
            The text is no such model, or its trees are unsound.
        """
