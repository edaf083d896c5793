"""The estimators that can be trained: one entry each.

Adding one: declare its options with their search space in apps.ml.parameters.estimators and an entry in a module of
this folder. The types that scikit-learn's estimators are made of are listed in the entries and nowhere else, so that a
bundle may hold them.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from apps.ml.models.catalogue import additive, bayes, boosting, ensembles, forests, linear, neural, svm
from apps.ml.models.catalogue.checked_fit import checked
from apps.ml.models.catalogue.entry import EstimatorEntry
from apps.ml.parameters.estimators import Estimators


def _checked(entries: Mapping[str, EstimatorEntry]) -> Mapping[str, EstimatorEntry]:
    return MappingProxyType({name: replace(entry, fit=checked(name, entry.fit)) for name, entry in entries.items()})


_SINGLE: Mapping[str, EstimatorEntry] = _checked(
    {
        **linear.ENTRIES,
        **svm.ENTRIES,
        **bayes.ENTRIES,
        **forests.ENTRIES,
        **neural.ENTRIES,
        **boosting.ENTRIES,
        **additive.ENTRIES,
    }
)

_DECLARED: Mapping[str, EstimatorEntry] = MappingProxyType({**_SINGLE, **_checked(ensembles.entries(_SINGLE))})

ESTIMATORS: Mapping[str, EstimatorEntry] = MappingProxyType(
    {name: _DECLARED[name] for name in Estimators.model_fields if name in _DECLARED}
)
"""Name in params.yaml → entry, in the order of the parameters."""

STORED_TYPES: tuple[str, ...] = tuple(sorted({name for entry in ESTIMATORS.values() for name in entry.stored_types}))
"""Types that a bundle's estimator may be made of."""
