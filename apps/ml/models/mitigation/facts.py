"""What a mitigation says of itself: gap and accuracy on the rows that it was fitted and chosen on, as plain facts.

They show what it aimed at and reached. They are no measurement of the model: that is made on test rows.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION
from apps.ml.models.fitting import Rows
from apps.ml.models.mitigation.gaps import Bits, errors_by_group, gap, why_undefined
from apps.ml.models.mitigation.request import Codes, MitigationRequest, Numbers
from apps.ml.models.parts.part import Adjustment


def facts_of(
    request: MitigationRequest, estimator: Any, adjustment: Adjustment | None = None, threshold: float | None = None
) -> dict[str, Any]:
    """Return, for `validation` and `train`, rows, compared rows, accuracy and gap of a fitted estimator's decisions.

    For a numeric label the mean absolute error overall and by group.

    Parameters
    ----------
    adjustment
        What moves scores to decision scores, None: nothing.
    threshold
        None: the one that the configured rule picks over the decision scores of validation rows.
    """
    validation = decision_scores(request, estimator, adjustment, request.validation, request.validation_codes)
    train = decision_scores(request, estimator, adjustment, request.train, request.train_codes)
    if request.task != CLASSIFICATION:
        return {
            "validation": error_facts(request, request.validation, request.validation_codes, validation),
            "train": error_facts(request, request.train, request.train_codes, train),
        }
    if threshold is None:
        threshold = request.threshold(bits(request.validation.labels), validation)
    return {
        "validation": gap_facts(request, request.validation, request.validation_codes, validation >= threshold),
        "train": gap_facts(request, request.train, request.train_codes, train >= threshold),
    }


def decision_scores(
    request: MitigationRequest, estimator: Any, adjustment: Adjustment | None, rows: Rows, codes: Codes
) -> Numbers:
    """Return float64 [n]: what is compared with the threshold."""
    with_codes = np.column_stack([rows.X, codes.astype(np.float64)])
    scores = request.score(estimator, with_codes if getattr(estimator, "takes_group", False) else rows.X)
    if adjustment is None:
        return scores
    return adjustment.decision_scores(scores, with_codes if adjustment.needs_group else rows.X)


def gap_facts(
    request: MitigationRequest, rows: Rows, codes: Codes, decisions: npt.NDArray[np.bool_] | Bits
) -> dict[str, Any]:
    """Return `rows`, `compared` (rows whose group is known), `accuracy` and `gap`; `undefined` says why there is none.

    A mitigation without a constraint of its own is held against the configured one all the same.
    """
    groups, constraint = len(request.group.groups), request.parameters.constraint
    labels, decided = bits(rows.labels), np.asarray(decisions).astype(np.int8)
    found: dict[str, Any] = {
        "rows": len(rows),
        "compared": int(np.sum(codes >= 0)),
        "accuracy": float(np.mean(labels == decided)),
        "gap": gap(constraint, labels, decided, codes, groups),
    }
    if found["gap"] is None:
        found["undefined"] = why_undefined(constraint, labels, codes, groups)
    return found


def error_facts(request: MitigationRequest, rows: Rows, codes: Codes, predicted: Numbers) -> dict[str, Any]:
    """Return `rows`, `compared`, and the mean absolute `error` overall and by group name; None without rows."""
    labels = np.asarray(rows.labels, dtype=np.float64)
    by_group = errors_by_group(labels, predicted, codes, len(request.group.groups))
    return {
        "rows": len(rows),
        "compared": int(np.sum(codes >= 0)),
        "error": float(np.mean(np.abs(labels - predicted))),
        "error_by_group": {
            name: None if np.isnan(error) else float(error)
            for name, error in zip(request.group.groups, by_group, strict=True)
        },
    }


def bits(labels: npt.NDArray[np.int8] | Numbers) -> Bits:
    """Labels of two classes as int8."""
    return np.asarray(labels).astype(np.int8)
