"""What is made small, by name. A metric of which more is better is made small as 1 − its value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.errors import ParameterError
from apps.ml.evaluation.performance import balanced_accuracy
from apps.ml.evaluation.statistics.counting.counts import count
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.scores import losses as scored
from apps.ml.evaluation.statistics.scores import ranking
from apps.ml.experiments.tuning.overrides import hinted

Labels = npt.NDArray[Any]
Numbers = npt.NDArray[np.float64]
Decisions = npt.NDArray[np.int8]

CONFIDENCE = 0.95
"""Of intervals that are computed on the way and not used."""


class UndefinedLossError(ValueError):
    """A loss has no value on some rows; the trial fails and the study goes on."""


@dataclass(frozen=True)
class Loss:
    """One metric as a loss.

    `title`: the loss in words. `compute`: labels [n], scores [n], decisions [n] (None for numeric labels) → float.
    `complement`: the loss is 1 − the metric, of which more is better.
    """

    name: str
    title: str
    task: Task
    compute: Callable[[Labels, Numbers, Decisions | None], float]
    complement: bool = False
    needs_decisions: bool = False

    def value(self, labels: Labels, scores: Numbers, decisions: Decisions | None) -> float:
        """Return the loss on some rows.

        Raises
        ------
        UndefinedLossError
            A score is not finite, or the metric is undefined on these rows.
        """
        wrong = int(np.sum(~np.isfinite(scores)))
        if wrong:
            raise UndefinedLossError(f"{wrong} of {len(scores)} scores are not finite: the fit diverged")
        with np.errstate(over="ignore", invalid="ignore"):
            value = self.compute(labels, scores, decisions)
        if not np.isfinite(value):
            raise UndefinedLossError(f"{self.name} is not finite: the fit diverged")
        return value

    def metric(self, loss: float) -> float:
        """Return the metric that a loss stands for."""
        return 1.0 - loss if self.complement else loss


def loss_named(name: str, task: Task) -> Loss:
    """Return the loss that `model_tuning.metric` names.

    Raises
    ------
    ParameterError
        There is no such metric, or it does not fit the label.
    """
    fitting = [each.name for each in LOSSES.values() if each.task == task]
    if name not in LOSSES:
        hint = hinted(name, list(LOSSES))
        raise ParameterError(
            f"model_tuning.metric: there is no metric '{name}'{hint} Choose one of {', '.join(fitting)}."
        )
    if LOSSES[name].task != task:
        kind = "a label of two classes" if task == CLASSIFICATION else "a numeric label"
        raise ParameterError(f"model_tuning.metric: {name} does not fit {kind}. Choose one of {', '.join(fitting)}.")
    return LOSSES[name]


def _defined(measured: Measurement) -> float:
    if measured.value is None:
        raise UndefinedLossError(measured.undefined or "the metric is undefined on these rows")
    return float(measured.value)


def _decided(decisions: Decisions | None) -> Decisions:
    if decisions is None:
        raise UndefinedLossError("there are no decisions to measure")
    return decisions


def _error(labels: Labels, scores: Numbers, decisions: Decisions | None) -> float:  # noqa: ARG001
    return float(np.mean(_decided(decisions) != labels))


def _balanced_error(labels: Labels, scores: Numbers, decisions: Decisions | None) -> float:  # noqa: ARG001
    table = count(labels, _decided(decisions), ["all"] * len(labels))
    return 1.0 - _defined(balanced_accuracy(table.counts.sum(axis=0), CONFIDENCE))


def _r_squared_missed(labels: Labels, scores: Numbers, decisions: Decisions | None) -> float:  # noqa: ARG001
    spread = float(np.mean((labels - labels.mean()) ** 2))
    if spread == 0.0:
        raise UndefinedLossError("r_squared is undefined where the label does not vary")
    return float(np.mean((labels - scores) ** 2)) / spread


def _losses() -> dict[str, Loss]:
    two, number = CLASSIFICATION, REGRESSION
    made = (
        Loss("log_loss", "log loss (nats)", two, lambda y, s, _: _defined(scored.log_loss(y, s, CONFIDENCE))),
        Loss("brier_score", "Brier score", two, lambda y, s, _: _defined(scored.brier_score(y, s, CONFIDENCE))),
        Loss(
            "roc_auc",
            "1 − ROC AUC",
            two,
            lambda y, s, _: 1.0 - _defined(ranking.roc_auc(y, s, CONFIDENCE)),
            complement=True,
        ),
        Loss(
            "pr_auc",
            "1 − average precision",
            two,
            lambda y, s, _: 1.0 - _defined(ranking.average_precision(y, s, CONFIDENCE)),
            complement=True,
        ),
        Loss("accuracy", "share of wrong decisions", two, _error, complement=True, needs_decisions=True),
        Loss(
            "balanced_accuracy",
            "1 − balanced accuracy",
            two,
            _balanced_error,
            complement=True,
            needs_decisions=True,
        ),
        Loss("mean_squared_error", "mean squared error", number, lambda y, s, _: float(np.mean((y - s) ** 2))),
        Loss("mean_absolute_error", "mean absolute error", number, lambda y, s, _: float(np.mean(np.abs(y - s)))),
        Loss(
            "root_mean_squared_error",
            "root mean squared error",
            number,
            lambda y, s, _: float(np.sqrt(np.mean((y - s) ** 2))),
        ),
        Loss("r_squared", "1 − R²", number, _r_squared_missed, complement=True),
    )
    return {each.name: each for each in made}


LOSSES: Mapping[str, Loss] = MappingProxyType(_losses())
"""Name in params.yaml → loss."""
