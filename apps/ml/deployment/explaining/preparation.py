"""Preparing the explainer of a served version, and keeping it as long as the version is served."""

import threading
from weakref import WeakKeyDictionary

import numpy as np

from apps.ml.deployment.explaining.asked_rows import Encoding
from apps.ml.deployment.explaining.basis import NOBODY, Basis
from apps.ml.deployment.explaining.basis_sources import basis_for
from apps.ml.deployment.explaining.bounds import bounded
from apps.ml.deployment.explaining.contribution_part import ContributionPart, OwnContributions, table_contributions
from apps.ml.deployment.explaining.explainer import Explainer
from apps.ml.deployment.explaining.reason_part import ReasonPart, reason_part
from apps.ml.deployment.explaining.tree_tables import TreeTables, tree_tables
from apps.ml.deployment.explaining.way_part import WayPart
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.evaluation.explanations.basis import needs_background
from apps.ml.models.bundle import ModelBundle

A_NUMBER = "the model predicts a number and decides nothing"
NO_BASIS = "the server holds neither training rows of this version nor a summary of them to compare with"

_prepared: "WeakKeyDictionary[ServedModel, Explainer]" = WeakKeyDictionary()
_preparing = threading.Lock()


def explainer_of(model: ServedModel) -> Explainer:
    """Return the explainer of a served version; it is prepared at the first call and forgotten with the version.

    Preparing takes from half a second to several; a server does it before the version answers.

    Raises
    ------
    FairMindError
        A file that the server keeps for this version is damaged.
    """
    found = _prepared.get(model)
    if found is None:
        with _preparing:
            found = _prepared.get(model)
            if found is None:
                found = prepared_explainer(model, basis_for(model))
                _prepared[model] = found
    return found


def is_prepared(model: ServedModel) -> bool:
    """Tell whether :func:`explainer_of` returns at once."""
    return model in _prepared


def prepared_explainer(model: ServedModel, basis: Basis | None) -> Explainer:
    """Prepare an explainer with a basis, and measure how many rows it can explain in one call."""
    bundle, encoding = model.bundle, Encoding(model.bundle)
    finder = None if basis is None else basis.finder
    tables = tree_tables(bundle, finder)
    explainer = Explainer(
        bundle=bundle,
        encoding=encoding,
        patterns=None if tables is None else tables.patterns,
        contributions=_contributions(bundle, basis, tables),
        reasons=_reasons(bundle, basis, tables),
        ways=_ways(model, basis),
    )
    return bounded(explainer)


def _contributions(bundle: ModelBundle, basis: Basis | None, tables: TreeTables | None) -> ContributionPart | str:
    if tables is not None:
        return table_contributions(bundle, tables.contributions)
    seed = 0 if basis is None else basis.seed
    if basis is not None and basis.background is not None:
        return OwnContributions(bundle, basis.background.rows, seed, basis.background.name)
    if needs_background(bundle.estimator):
        return NO_BASIS
    return OwnContributions(bundle, np.empty((0, len(bundle.info.feature_sources))), seed)


def _reasons(bundle: ModelBundle, basis: Basis | None, tables: TreeTables | None) -> ReasonPart | str:
    if bundle.info.threshold is None:
        return A_NUMBER
    if basis is None:
        return NO_BASIS
    if basis.finder is None:
        return NOBODY
    return reason_part(basis.finder, None if tables is None else tables.neighbours, f"{basis.method} ({basis.source})")


def _ways(model: ServedModel, basis: Basis | None) -> WayPart | str:
    if model.bundle.info.threshold is None:
        return A_NUMBER
    return NO_BASIS if basis is None or basis.ways is None else WayPart(basis.ways, model.scorer)
