"""What a person is compared with when a decision is explained: the *basis*.

The evidence is measured with it, and it travels with the version (:mod:`.basis_file`), so that a server gives the
reasons of the evidence without the training rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.data.processed import AttributeSchema
from apps.ml.evaluation.explanations.contributions.exact import explains_exactly, training_rows
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.reasons_given.reasons import ReasonFinder, reason_finder
from apps.ml.evaluation.explanations.reasons_given.score_gains import METHODS
from apps.ml.evaluation.explanations.scored_model import BACKGROUND_ROWS, FloatArray, sample_rows
from apps.ml.evaluation.explanations.ways.counterfactuals import CounterfactualFinder, counterfactual_finder
from apps.ml.models.parts.part import ExplainedPart
from apps.ml.parameters import Explanations, ModelEvaluation

FROM_TRAINING = "the training rows, as in the evidence"
FEWEST_ROWS = 10
"""Fewer rows than this leave no trace in what is published: a summary of one row is that row."""


@dataclass(frozen=True)
class Background:
    """Rows that contributions are compared with: float64 [m, k], encoded.

    `name`: what they stand for, in words; None: they are training rows.
    """

    rows: FloatArray
    name: str | None = None

    def moments(self) -> "Background":
        """Return two rows with the same mean and deviation in every feature, which belong to nobody.

        Exact methods give the same contributions with them, for they look at every feature by itself.
        """
        mean, deviation = self.rows.mean(axis=0), self.rows.std(axis=0)
        name = self.name or training_rows(len(self.rows))
        return Background(np.stack([mean - deviation, mean + deviation]), name)


@dataclass(frozen=True)
class Basis:
    """What one version's answers are explained against.

    `source`: where it comes from, in words. `background`: None where contributions need none, or there is none.
    `seed`: of what is drawn. `finder` and `ways`: None for a model that predicts numbers; `finder` also where no
    reference row is decided favourably. `method`: the words for how reasons are chosen.
    """

    source: str
    background: Background | None
    seed: int
    finder: ReasonFinder | None
    ways: CounterfactualFinder | None
    method: str


def basis_of_rows(
    rule: DecisionRule | None,
    reference: pd.DataFrame,
    background: Background | None,
    attributes: Iterable[AttributeSchema],
    settings: Explanations,
    seed: int,
    source: str,
) -> Basis:
    """Make a basis of reference rows, as the evidence does.

    Parameters
    ----------
    rule
        What is served; None where numbers are predicted and nothing is decided.
    reference : typed data frame [m, columns]
    attributes : AttributeSchema of every sensitive attribute; columns that are marked sensitive count without it
    settings, seed : those of the evidence
    """
    method = METHODS[settings.reason_method]
    if rule is None:
        return Basis(source, background, seed, None, None, method)
    known = tuple(attributes)
    finder = reason_finder(rule, reference, known, settings, seed)
    if finder is not None:
        # The pool of thousands of rows serves the checks of the evidence alone.
        finder = replace(finder, pool=np.empty((0, len(rule.columns))))
    ways = counterfactual_finder(rule, reference, known, settings.counterfactual_changes)
    return Basis(source, background, seed, finder, ways, method)


def training_background(encoded: FloatArray, parameters: ModelEvaluation) -> Background:
    """Return the background of the evidence, drawn from encoded training rows [m, k]."""
    wanted = parameters.explanations.background_rows
    return Background(encoded[sample_rows(len(encoded), wanted, parameters.seed, BACKGROUND_ROWS)])


def publishable(basis: Basis, estimator: Any) -> Basis:
    """Return what may leave the place of training: of the background moments of features and no row.

    There is no background where contributions need none, and where they are sampled: only whole rows would serve these.
    What would be made of fewer than :data:`FEWEST_ROWS` rows is left out.
    """
    finder, background = basis.finder, basis.background
    if finder is not None and finder.drawn < FEWEST_ROWS:
        finder = None
    if background is not None:
        is_summed = needs_background(estimator) and explains_exactly(estimator)
        background = background.moments() if is_summed and len(background.rows) >= FEWEST_ROWS else None
    return replace(basis, background=background, finder=finder)


def needs_background(estimator: Any) -> bool:
    """Whether contributions are explained against rows: by every method but those of trees and of parts of our own."""
    return not isinstance(estimator, ExplainedPart) and not (
        explains_exactly(estimator) and (hasattr(estimator, "estimators_") or hasattr(estimator, "_predictors"))
    )
