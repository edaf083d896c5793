"""How far each compared rate may differ between groups on the rows that a rule is calibrated on.

The tolerance of equalized odds holds for two rates. That of true positives is measured on few rows, so on other people
it comes out further off than the rate of false positives. A rule that uses the whole tolerance for both sits at the
edge of the one it knows less about; so true positive rates are held together more narrowly, and the tolerance is spent
where it holds.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError
from apps.ml.models.mitigation.gaps import COMPARED, Bits, require_defined
from apps.ml.models.mitigation.request import Codes, MitigationRequest

LABELS: Mapping[str, tuple[int, ...]] = {
    "true_positive_rate": (1,),
    "false_positive_rate": (0,),
    "selection_rate": (0, 1),
}
"""Rate → labels of the rows that it counts over."""


def aims_of(request: MitigationRequest, labels: Bits, codes: Codes) -> tuple[float, ...]:
    """Return, per compared rate, the largest difference between groups that is aimed at.

    The tolerance less the configured margin; for the true positive rate under equalized odds the configured share of
    that, but not less than one row of the smallest group moves the rate.

    Parameters
    ----------
    labels : int8 [n]
    codes : int64 [n], below 0: unknown group

    Raises
    ------
    DataError
        A group has so few rows of a label that one of them moves its rate by more than the tolerance.
    """
    constraint, tolerance = request.parameters.constraint, request.parameters.tolerance
    kept, share = tolerance * (1.0 - request.options.margin), request.options.true_positive_share
    require_defined(constraint, labels, codes, len(request.group.groups), "rows that the rule is calibrated on")
    aims = []
    for rate in COMPARED[constraint]:
        rows = _rows_by_group(codes, np.isin(labels, LABELS[rate]))
        if min(rows.values()) * tolerance < 1.0:
            raise DataError(_too_few(request, rate, rows))
        narrow = constraint == "equalized_odds" and rate == "true_positive_rate"
        aims.append(min(kept, max(share * kept, 1.0 / min(rows.values()))) if narrow else kept)
    return tuple(aims)


def _rows_by_group(codes: Codes, counted: npt.NDArray[np.bool_]) -> dict[int, int]:
    return {int(code): int(np.sum(counted & (codes == code))) for code in np.unique(codes[codes >= 0])}


def _too_few(request: MitigationRequest, rate: str, rows: Mapping[int, int]) -> str:
    labels = " or ".join(str(label) for label in LABELS[rate])
    counts = ", ".join(f"{request.group.groups[code]} {count}" for code, count in rows.items())
    tolerance, smallest = request.parameters.tolerance, min(rows.values())
    return (
        f"model_training.mitigation: rows of label {labels} by group of '{request.group.attribute}': {counts}. With "
        f"{smallest} rows one decision moves the {rate.replace('_', ' ')} of a group by {1.0 / smallest:.3g}, which is "
        f"more than the tolerance {tolerance:g}. Join small groups in the data set's declaration, raise "
        "model_training.mitigation.tolerance, or choose another attribute."
    )
