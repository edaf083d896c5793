"""How much each source column moves the model's output, averaged over sampled rows."""

import math

import numpy as np

from apps.ml.evaluation.explanations.contributions.shap_values import Contributions
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.scores.losses import mean_loss


def importance_by_column(found: Contributions, confidence: float) -> dict[str, Measurement]:
    """Return the mean absolute contribution per column with Student's t interval over rows, most important first.

    Parameters
    ----------
    found : Contributions
        Values [n, columns]; the unit of the result is the unit of `found.output`.
    confidence : float in (0, 1)

    Returns
    -------
    dict of Measurement
        Undefined, with the reason, where the contributions are or where fewer than two rows were explained. Columns of
        equal importance keep their order.
    """
    if found.undefined is not None:
        return {column: undefined(found.undefined) for column in found.columns}
    sizes = np.abs(found.values)
    measured = {
        column: mean_loss(sizes[:, position], confidence, highest=math.inf)
        if len(sizes) > 1
        else undefined("fewer than two rows were explained", n=len(sizes))
        for position, column in enumerate(found.columns)
    }
    return dict(sorted(measured.items(), key=lambda item: -(item[1].value or 0.0)))
