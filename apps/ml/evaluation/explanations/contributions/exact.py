"""Exact contributions: of linear estimators, naive Bayes and trees, and of what a sigmoid makes of their outputs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.models.outputs import naive_bayes_terms, scale_of
from apps.ml.models.parts.calibrated import Calibrated, Sigmoid
from apps.ml.models.parts.part import ExplainedPart, Part

Output = Literal["log-odds", "probability", "value"]


@dataclass(frozen=True)
class Explained:
    """Contributions of encoded features: `values` [n, k] and `base` [n] add up to the output of each row."""

    method: str
    output: str
    values: FloatArray
    base: FloatArray


Explainer = Callable[[Any, FloatArray, FloatArray, str], Explained]


def explains_exactly(estimator: Any) -> bool:
    """Whether :func:`exact_contributions` has a method for an estimator."""
    if isinstance(estimator, ExplainedPart):
        return True
    if isinstance(estimator, Calibrated):
        return isinstance(estimator.curve, Sigmoid) and explains_exactly(estimator.inner)
    return _explainer(estimator) is not None


def exact_contributions(
    estimator: Any, X: FloatArray, background: FloatArray, background_name: str | None = None
) -> Explained | None:
    """Return exact contributions to what an estimator computes, None where no exact method is known.

    Parameters
    ----------
    X : float64 [n, k]
        Encoded rows to explain.
    background : float64 [m, k]
        Encoded training rows; only interventional methods use them, and `method` then says how many. Of each feature
        they use its mean and mean square alone, so that other rows with the same moments give the same.
    background_name
        What these rows stand for, in words; None: as many training rows.

    Returns
    -------
    Explained
        Its output is that of :func:`apps.ml.models.outputs.scale_of`: the margin of a support vector machine becomes
        log-odds when the estimator is calibrated.
    """
    if isinstance(estimator, ExplainedPart):
        found = estimator.contributions(X)
        return Explained(estimator.contributions_method, estimator.contributions_output, found[:, :-1], found[:, -1])
    name = background_name or training_rows(len(background))
    if isinstance(estimator, Calibrated):
        return _calibrated(estimator, X, background, name)
    explain = _explainer(estimator)
    return None if explain is None else explain(estimator, X, background, name)


def training_rows(count: int) -> str:
    """Name a background of so many training rows."""
    return f"{count} training rows"


def _calibrated(estimator: Calibrated, X: FloatArray, background: FloatArray, name: str) -> Explained | None:
    """A sigmoid is linear in log-odds: what a feature adds is the slope times what it added before."""
    inner, curve = exact_contributions(estimator.inner, X, background, name), estimator.curve
    if inner is None or not isinstance(curve, Sigmoid):
        return None
    base = curve.log_odds(inner.base)
    return replace(inner, output="log-odds", values=curve.slope * inner.values, base=base)


def _explainer(estimator: Any) -> Explainer | None:
    if isinstance(estimator, Part):
        return None
    kinds: dict[str, Explainer] = {
        "coef_": _linear,
        "theta_": _naive_bayes,
        "estimators_": _trees,
        "_predictors": _trees,
    }
    return next((explain for feature, explain in kinds.items() if hasattr(estimator, feature)), None)


def _linear(estimator: Any, X: FloatArray, background: FloatArray, name: str) -> Explained:
    import shap

    rows = len(background)
    weights, intercept = np.ravel(estimator.coef_), float(np.ravel(estimator.intercept_)[0])
    explainer = shap.LinearExplainer((weights, intercept), shap.maskers.Independent(background, max_samples=rows))
    values = np.asarray(explainer.shap_values(X), dtype=np.float64)
    base = np.full(len(X), float(np.ravel(explainer.expected_value)[0]))
    return Explained(f"shap linear, interventional over {name}", scale_of(estimator), values, base)


def _naive_bayes(estimator: Any, X: FloatArray, background: FloatArray, name: str) -> Explained:
    """The log-odds are a sum of one term per feature: its contribution is the term minus its mean."""
    usual = naive_bayes_terms(estimator, background).mean(axis=0)
    prior = float(np.log(estimator.class_prior_[1]) - np.log(estimator.class_prior_[0]))
    method = f"terms of naive Bayes, interventional over {name}"
    base = np.full(len(X), prior + float(usual.sum()))
    return Explained(method, "log-odds", naive_bayes_terms(estimator, X) - usual, base)


def _trees(estimator: Any, X: FloatArray, background: FloatArray, name: str) -> Explained:  # noqa: ARG001 (path-dependent)
    import shap

    explainer = shap.TreeExplainer(estimator, feature_perturbation="tree_path_dependent", model_output="raw")
    values = np.asarray(explainer.shap_values(X, check_additivity=False), dtype=np.float64)
    if values.ndim == 3:
        values = values[:, :, -1]
    base = np.full(len(X), float(np.ravel(explainer.expected_value)[-1]))
    return Explained("shap trees, path-dependent", scale_of(estimator), values, base)
