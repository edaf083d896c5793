"""What a decision is worth, so that of all rules within a tolerance the best one can be picked.

A threshold t over probabilities is right exactly where a false positive costs t / (1 - t) times a false negative. The
threshold that the configured rule picks is read that way: at 0.5 the worth is accuracy, any other one keeps the costs
that it stands for. Rows that weigh more in the fit weigh more here.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.models.mitigation.gaps import Bits
from apps.ml.models.mitigation.request import Numbers


@dataclass(frozen=True)
class Worth:
    """`true_positive`: what is won by deciding 1 for a row of label 1; `false_positive`: what is lost at label 0."""

    true_positive: float
    false_positive: float

    def of(self, labels: Bits, decisions: Bits | npt.NDArray[np.bool_]) -> float:
        """Return the mean worth of a row's decision; 0 where nobody is decided 1."""
        chosen = np.asarray(decisions).astype(bool)
        hits = int(np.sum(chosen & (labels == 1)))
        return (self.true_positive * hits - self.false_positive * (int(np.sum(chosen)) - hits)) / len(labels)


def worth_at(threshold: float, weights: Numbers) -> Worth:
    """Return what decisions are worth to somebody whose best threshold over the model's scores is `threshold`.

    `weights`: float64 [2], the weight of a row of label 0 and of label 1.

    Examples
    --------
    At the threshold 0.2 a false positive costs a quarter of a false negative: 0.2 against 0.8.
    """
    price = float(np.clip(threshold, 0.0, 1.0))
    return Worth((1.0 - price) * float(weights[1]), price * float(weights[0]))
