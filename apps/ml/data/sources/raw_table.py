"""The one form in which rows reach the rest of the product, whatever source they came from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd


@dataclass(frozen=True)
class RawTable:
    """All rows of a data set as text, before types, filters and splits.

    `frame`: data frame [n, columns], every column of dtype `str`, missing → NaN. `origin`: str [n], the `origin` of the
    file that a row came from, "" where none is declared. `digest`: hexadecimal sha256 of what was read.
    """

    frame: pd.DataFrame
    origin: npt.NDArray[np.str_]
    digest: str

    def __len__(self) -> int:
        return len(self.frame)
