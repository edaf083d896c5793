"""What the plots need of the test rows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd


@dataclass(frozen=True)
class EvaluatedRows:
    """Test rows with their scores and decisions, and words for them.

    `labels`, `decisions`: int8 [n], 1 = the positive event. `scores`: float64 [n], probability of the positive event.
    `groups`: data frame [n, attributes] of group names. `threshold`: the decision is 1 where score >= threshold.
    """

    labels: npt.NDArray[np.int8]
    scores: npt.NDArray[np.float64]
    decisions: npt.NDArray[np.int8]
    groups: pd.DataFrame
    threshold: float
    positive_name: str
    negative_name: str
