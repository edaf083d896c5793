"""Fitting the chosen estimator with the chosen mitigation.

Validation rows decide when to stop growing and how to decide; test rows are not seen here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION, Task
from apps.ml.errors import DataError, ParameterError
from apps.ml.models.calibration import fit_calibrated
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.compatibility import require_compatible
from apps.ml.models.fitting import Fit, Fitted, Report, Rows
from apps.ml.models.group_input import GroupInput
from apps.ml.models.mitigation import MITIGATIONS
from apps.ml.models.mitigation.request import Mitigated, MitigationRequest
from apps.ml.models.monotone import monotone_directions
from apps.ml.models.parts.part import Adjustment
from apps.ml.models.scoring import scores_of
from apps.ml.models.thresholds import choose_threshold
from apps.ml.parameters import ModelTraining

SMALLEST_VARIANCE, LARGEST_VARIANCE = 1e-200, 1e200
"""Variances of numeric labels whose squares, and sums of these, are still numbers."""

Matrix = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8] | npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TrainingRows:
    """Encoded rows.

    `X`: float64 [n, k], finite. `labels`: int8 [n], 1 = the positive event, or float64 [n] where the label is a number.
    `codes`: int64 [n], the group of each row as :class:`GroupInput` codes it; None where no mitigation needs it.
    """

    X: Matrix
    labels: Labels
    codes: Codes | None = None


@dataclass(frozen=True)
class TrainedModel:
    """A fitted estimator with its decision rule.

    `adjustment`: what stands between scores and decisions, None: nothing. `threshold`: the decision is 1 at and above
    it; None for numeric labels, which decide nothing. `rounds` counts the rounds that were kept, None for an estimator
    that does not grow in rounds. `converged` is False when an iterative fit stopped at its limit of iterations.
    `found`: what the mitigation found, JSON-ready.
    """

    estimator: Any
    rounds: int | None
    converged: bool
    threshold: float | None = None
    adjustment: Adjustment | None = None
    found: Mapping[str, Any] = field(default_factory=dict)

    def scores(self, X: Matrix) -> Matrix:
        """Return float64 [n]: probabilities of the positive event, or predicted values."""
        return scores_of(self.estimator, X)


def silent(done: int, total: int, loss: float | None) -> None:
    """Report nothing."""


def train(
    parameters: ModelTraining,
    training: TrainingRows,
    validation: TrainingRows,
    progress: Report = silent,
    task: Task = CLASSIFICATION,
    group: GroupInput | None = None,
    feature_sources: tuple[str, ...] = (),
    feature_names: tuple[str, ...] = (),
) -> TrainedModel:
    """Fit the model that `parameters` names; the same input gives the same model to the last bit.

    Parameters
    ----------
    progress
        Called now and then with rounds done, rounds at most, validation loss.
    group
        The attribute whose groups a mitigation compares; the rows then have codes.
    feature_sources : k names
        The input column of each encoded feature; needed for monotone directions only.
    feature_names : k names
        Names of the encoded features; empty: monotone columns are taken to be encoded as their value.

    Raises
    ------
    DataError
        The training rows hold one class only, or fewer than two groups where a mitigation compares them; a numeric
        label does not vary, or its squares are no numbers; there are no validation rows to watch.
    ParameterError
        The parameters do not go together, a mitigation lacks its attribute, or the estimator found no numbers.
    """
    require_compatible(parameters, task)
    _check(training.labels, validation.labels, task)
    directions = monotone_directions(parameters.monotone, feature_sources, feature_names)

    def fit(train_rows: Rows, validation_rows: Rows) -> Fitted:
        options = getattr(parameters.estimators, parameters.estimator)
        request = Fit(
            train_rows, validation_rows, parameters.seed, parameters.early_stopping, progress, task, directions
        )
        return fit_calibrated(ESTIMATORS[parameters.estimator], options, request, parameters.calibration)

    request = _request(parameters, training, validation, fit, progress, task, group)
    mitigated = MITIGATIONS[parameters.mitigation.method].apply(request)
    return TrainedModel(
        mitigated.estimator,
        mitigated.rounds,
        mitigated.converged,
        _threshold(parameters, mitigated, validation, task),
        mitigated.adjustment,
        mitigated.found,
    )


def balanced_weights(labels: npt.NDArray[np.int8]) -> Matrix:
    """Return the weight of label 0 and of label 1 with which both classes have the same total weight.

    n / (2 · rows of the class), so that the weights of all rows sum to n.

    Examples
    --------
    Three rows of label 0 and one of label 1: 4 / 6 and 4 / 2.
    """
    return np.asarray(len(labels) / (2.0 * np.bincount(labels, minlength=2)), dtype=np.float64)


def _request(
    parameters: ModelTraining,
    training: TrainingRows,
    validation: TrainingRows,
    fit: Any,
    progress: Report,
    task: Task,
    group: GroupInput | None,
) -> MitigationRequest:
    chosen, nobody = parameters.mitigation, GroupInput("", ())
    if chosen.method != "none" and (group is None or training.codes is None or validation.codes is None):
        raise ParameterError(
            f"model_training.mitigation.method {chosen.method} needs the groups of '{chosen.attribute}', and the rows "
            "carry none. Name a sensitive attribute of the data set under model_training.mitigation.attribute."
        )

    if chosen.method != "none" and group is not None:
        _require_groups(group, training)

    def weighted(rows: TrainingRows) -> Rows:
        return Rows(rows.X, rows.labels, _weights(rows.labels, training.labels, parameters.class_weight))

    return MitigationRequest(
        parameters=chosen,
        options=getattr(chosen.options, chosen.method, None),
        task=task,
        group=group or nobody,
        train=weighted(training),
        train_codes=_codes(training),
        validation=weighted(validation),
        validation_codes=_codes(validation),
        seed=parameters.seed,
        fit=fit,
        score=scores_of,
        threshold=lambda labels, scores: choose_threshold(parameters.threshold, labels, scores),
        report=progress,
    )


def _codes(rows: TrainingRows) -> Codes:
    return np.full(len(rows.labels), -1, dtype=np.int64) if rows.codes is None else rows.codes


def _threshold(parameters: ModelTraining, mitigated: Mitigated, validation: TrainingRows, task: Task) -> float | None:
    if task != CLASSIFICATION:
        return None
    if mitigated.threshold is not None:
        return mitigated.threshold
    X = with_codes(validation) if getattr(mitigated.estimator, "takes_group", False) else validation.X
    scores = scores_of(mitigated.estimator, X)
    if mitigated.adjustment is not None:
        features = with_codes(validation) if mitigated.adjustment.needs_group else validation.X
        scores = mitigated.adjustment.decision_scores(scores, features)
    return choose_threshold(parameters.threshold, np.asarray(validation.labels, dtype=np.int8), scores)


def with_codes(rows: TrainingRows) -> Matrix:
    """Return float64 [n, k + 1]: the encoded features and, last, the code of the group."""
    return np.column_stack([rows.X, _codes(rows).astype(np.float64)])


def _weights(labels: Labels, y_train: Labels, class_weight: Literal["none", "balanced"]) -> Matrix | None:
    """Weights of rows by the class shares of the training rows, for training and validation alike."""
    if class_weight == "none":
        return None
    return balanced_weights(np.asarray(y_train, dtype=np.int8))[np.asarray(labels, dtype=np.int8)]


def _check(y_train: Labels, y_validation: Labels, task: Task) -> None:
    if not len(y_validation):
        raise DataError("there are no validation rows. Give `validation` a larger share in the declaration's split.")
    if task == CLASSIFICATION:
        positive = int(np.sum(y_train))
        if positive in (0, len(y_train)):
            raise DataError(
                f"the label of the {len(y_train)} training rows has one class only ({positive} positive); expected "
                "both. Check `label` and `splits` of the data set's declaration."
            )
    else:
        _check_numbers(y_train)


def _check_numbers(labels: Labels) -> None:
    if len(labels) < 2 or float(np.ptp(labels)) == 0.0:
        raise DataError(
            f"the label of the {len(labels)} training rows does not vary. Check `label` and `splits` of the data "
            "set's declaration."
        )
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        variance = float(np.var(labels))
    if not SMALLEST_VARIANCE <= variance <= LARGEST_VARIANCE:
        raise DataError(
            f"the label of the {len(labels)} training rows is too large or too small for squares of its errors. "
            "Give it in another unit."
        )


def _require_groups(group: GroupInput, training: TrainingRows) -> None:
    """A mitigation compares groups: two of them at least must be there to learn from."""
    codes = _codes(training)
    present = len(np.unique(codes[codes >= 0]))
    if present < 2:
        raise DataError(
            f"{present} of {len(group.groups)} groups of '{group.attribute}' {'has' if present == 1 else 'have'} rows "
            f"among the {len(codes)} training rows ({int(np.sum(codes >= 0))} of a known group); a mitigation compares "
            "two at least. Choose another attribute under model_training.mitigation.attribute, or the method `none`."
        )
