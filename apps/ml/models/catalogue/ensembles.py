"""Several estimators of the catalogue in one model: their weighted mean, or a linear model over their answers.

Members are fitted as if they stood alone, early stopping and directions included; those whose scores are margins are
calibrated (`model_training.calibration`'s defaults).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.errors import ParameterError
from apps.ml.models.catalogue.entry import EstimatorEntry
from apps.ml.models.catalogue.standard_label import StandardLabel
from apps.ml.models.fitting import Fit, Fitted, Rows, fit_at_once
from apps.ml.models.folds import folds_of, rows_at
from apps.ml.models.parts.members import output_on
from apps.ml.models.parts.stacking import Stacking
from apps.ml.models.parts.voting import Voting
from apps.ml.models.scoring import within_single_precision
from apps.ml.parameters.estimators import Member, StackingOptions, VotingOptions
from apps.ml.parameters.training import Calibration

Entries = Mapping[str, EstimatorEntry]
Matrix = npt.NDArray[np.float64]
SEEDS = 2**32
ITERATIONS = 2000
"""Limit of the linear model's solver, far beyond what a few columns need."""


def entries(members: Entries) -> dict[str, EstimatorEntry]:
    """Return the ensembles that can be made of the given estimators: name in params.yaml → entry."""

    def fit_voting(options: VotingOptions, fit: Fit) -> Fitted:
        return _fit_voting(_Members(members, options.members, "voting", fit), options)

    def fit_stacking(options: StackingOptions, fit: Fit) -> Fitted:
        return _fit_stacking(_Members(members, options.members, "stacking", fit), options)

    both = (CLASSIFICATION, REGRESSION)
    return {
        "voting": EstimatorEntry("Voting", fit_voting, both, takes_monotone=True, exact_contributions=True),
        "stacking": EstimatorEntry("Stacking", fit_stacking, both, exact_contributions=True),
    }


@dataclass
class _Members:
    """The members of an ensemble, ready to be fitted to a request; `fits` counts what was fitted."""

    known: Entries
    chosen: Sequence[Member]
    ensemble: str
    request: Fit
    converged: bool = True
    fits: int = 0
    planned: int = 0

    def __post_init__(self) -> None:
        for place, member in enumerate(self.chosen):
            why = self._why_not(self.known[member.estimator])
            if why:
                raise ParameterError(
                    f"model_training.estimators.{self.ensemble}.members.{place}: {member.estimator} {why}. Choose "
                    "another member."
                )
        self.planned = len(self.chosen)

    def fit(self, member: Member, rows: Rows) -> Any:
        """Return one member, fitted to some of the training rows."""
        from apps.ml.models.calibration import fit_calibrated

        seed = (self.request.seed + member.seed) % SEEDS
        request = replace(self.request, train=rows, seed=seed, report=lambda *_: None)
        fitted = fit_calibrated(self.known[member.estimator], member.chosen, request, Calibration())
        self.converged = self.converged and fitted.converged
        self.fits += 1
        self.request.report(self.fits, self.planned, None)
        return fitted.estimator

    def fit_all(self) -> list[Any]:
        """Return every member, fitted to all training rows."""
        return [self.fit(member, self.request.train) for member in self.chosen]

    def unseen(self, scale: str, folds: int) -> Matrix:
        """Return float64 [n, members]: what members that had not seen a training row say of it."""
        rows = self.request.train
        division = list(folds_of(rows, folds, self.request.seed, self.request.task, self._key("folds")))
        self.planned += len(division) * len(self.chosen)
        found = np.empty((len(rows), len(self.chosen)))
        for seen, left_out in division:
            X = within_single_precision(rows.X[left_out])
            for column, member in enumerate(self.chosen):
                found[left_out, column] = output_on(scale, self.fit(member, rows_at(rows, seen)), X)
        return found

    def means(self) -> Matrix:
        """Return float64 [k]: the mean of each encoded feature over the training rows."""
        return np.average(self.request.train.X, axis=0, weights=self.request.train.weights)

    def _key(self, option: str) -> str:
        return f"model_training.estimators.{self.ensemble}.{option}"

    def _why_not(self, entry: EstimatorEntry) -> str | None:
        if self.request.task not in entry.tasks:
            return f"is not for {'a label of two classes' if self.request.task == CLASSIFICATION else 'numeric labels'}"
        if self.request.train.weights is not None and not entry.takes_weights:
            return "takes no weights of rows, and there are some"
        if any(self.request.monotone) and not entry.takes_monotone:
            return "cannot hold its score to a direction (model_training.monotone)"
        return None


def _fit_voting(members: _Members, options: VotingOptions) -> Fitted:
    scale = "log-odds" if options.mean_of == "log_odds" else "probability"
    weights = np.array([member.weight for member in options.members])
    voting = Voting(
        members.fit_all(), _scale(members, scale), weights / np.sum(weights), intercept=0.0, means=members.means()
    )
    return Fitted(voting, converged=members.converged)


def _fit_stacking(members: _Members, options: StackingOptions) -> Fitted:
    """Fit the linear model to answers about rows that the answering members had not seen.

    References
    ----------
    Wolpert (1992), "Stacked generalization", Neural Networks 5; Breiman (1996), "Stacked regressions", Machine
    Learning 24.
    """
    scale = _scale(members, "log-odds")
    answers = replace(members.request.train, X=members.unseen(scale, options.folds))
    fitted, weights, intercept = (_logistic if scale == "log-odds" else _ridge)(answers, members.request, options.C)
    stacking = Stacking(members.fit_all(), scale, weights, intercept, members.means())
    return Fitted(stacking, converged=members.converged and fitted.converged)


def _scale(members: _Members, of_probabilities: str) -> str:
    return "value" if members.request.task == REGRESSION else of_probabilities


def _logistic(answers: Rows, fit: Fit, C: float) -> tuple[Fitted, Matrix, float]:
    from sklearn.linear_model import LogisticRegression

    fitted = fit_at_once(LogisticRegression(C=C, max_iter=ITERATIONS), replace(fit, train=answers))
    return fitted, np.ravel(fitted.estimator.coef_), float(fitted.estimator.intercept_[0])


def _ridge(answers: Rows, fit: Fit, C: float) -> tuple[Fitted, Matrix, float]:
    """Ridge over answers and labels in units of the label's deviation, so that `C` means the same on every scale."""
    from sklearn.linear_model import Ridge

    label = StandardLabel.of(answers)
    standard = replace(label.applied(answers), X=(answers.X - label.mean) / label.deviation)
    fitted = fit_at_once(Ridge(alpha=1.0 / C), replace(fit, train=standard))
    weights = np.ravel(fitted.estimator.coef_)
    level = float(np.ravel(fitted.estimator.intercept_)[0]) * label.deviation
    return fitted, weights, level + label.mean * (1.0 - float(np.sum(weights)))
