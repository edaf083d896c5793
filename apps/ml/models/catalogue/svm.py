"""Support vector machines: linear ones, and those with a kernel.

Those for two classes give margins, which calibration turns into probabilities. Those for numeric labels are fitted to
labels in units of their deviation, since `C` and `epsilon` bound weights and errors in units of the label; the fitted
numbers are then put back on the label's own scale.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.errors import ParameterError
from apps.ml.models.catalogue.entry import EstimatorEntry
from apps.ml.models.catalogue.standard_label import StandardLabel
from apps.ml.models.fitting import Fit, Fitted, fit_at_once
from apps.ml.parameters.estimators import LinearSVMOptions, SVMOptions


def _linear_svm(options: LinearSVMOptions, fit: Fit) -> Fitted:
    from sklearn.svm import LinearSVC, LinearSVR

    shared: dict[str, Any] = {
        "C": options.C,
        "max_iter": options.max_iter,
        "random_state": fit.seed,
        "dual": "auto",
    }
    if fit.task == CLASSIFICATION:
        return fit_at_once(LinearSVC(**shared), fit)
    label = StandardLabel.of(fit.train)
    machine = LinearSVR(epsilon=options.epsilon, **shared)
    fitted = fit_at_once(machine, replace(fit, train=label.applied(fit.train)))
    machine.coef_ = machine.coef_ * label.deviation
    machine.intercept_ = machine.intercept_ * label.deviation + label.mean
    return fitted


def _svm(options: SVMOptions, fit: Fit) -> Fitted:
    from sklearn.svm import SVC, SVR

    _require_few_rows(options, len(fit.train))
    shared: dict[str, Any] = {"C": options.C, "kernel": options.kernel, "gamma": options.gamma}
    if fit.task == CLASSIFICATION:
        return fit_at_once(SVC(random_state=fit.seed, **shared), fit)
    label = StandardLabel.of(fit.train)
    machine = SVR(epsilon=options.epsilon, **shared)
    fitted = fit_at_once(machine, replace(fit, train=label.applied(fit.train)))
    for weights, intercept in (("dual_coef_", "intercept_"), ("_dual_coef_", "_intercept_")):
        setattr(machine, weights, getattr(machine, weights) * label.deviation)
        setattr(machine, intercept, getattr(machine, intercept) * label.deviation + label.mean)
    return fitted


def _require_few_rows(options: SVMOptions, rows: int) -> None:
    if rows > options.largest_rows:
        raise ParameterError(
            f"model_training.estimators.svm.largest_rows is {options.largest_rows}, and there are {rows} training "
            "rows: the time of a support vector machine with a kernel grows with their square. Choose linear_svm or "
            "another estimator, or raise largest_rows."
        )


ENTRIES: Mapping[str, EstimatorEntry] = MappingProxyType(
    {
        "linear_svm": EstimatorEntry(
            "Linear support vector machine",
            _linear_svm,
            tasks=(CLASSIFICATION, REGRESSION),
            gives_probabilities=False,
            stored_types=("sklearn.svm._classes.LinearSVC", "sklearn.svm._classes.LinearSVR"),
        ),
        "svm": EstimatorEntry(
            "Support vector machine",
            _svm,
            tasks=(CLASSIFICATION, REGRESSION),
            gives_probabilities=False,
            largest_rows="largest_rows",
            stored_types=("sklearn.svm._classes.SVC", "sklearn.svm._classes.SVR"),
        ),
    }
)
"""Name in params.yaml → entry."""
