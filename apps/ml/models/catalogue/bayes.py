"""Gaussian naive Bayes."""

from collections.abc import Mapping
from types import MappingProxyType

from apps.ml.models.catalogue.entry import EstimatorEntry
from apps.ml.models.fitting import Fit, Fitted, fit_at_once
from apps.ml.parameters.estimators import NaiveBayesOptions


def _naive_bayes(options: NaiveBayesOptions, fit: Fit) -> Fitted:
    from sklearn.naive_bayes import GaussianNB

    return fit_at_once(GaussianNB(var_smoothing=options.var_smoothing), fit)


ENTRIES: Mapping[str, EstimatorEntry] = MappingProxyType(
    {
        "naive_bayes": EstimatorEntry(
            "Gaussian naive Bayes", _naive_bayes, stored_types=("sklearn.naive_bayes.GaussianNB",)
        )
    }
)
"""Name in params.yaml → entry."""
