"""What a person is compared with when an answer is explained."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from apps.ml.data.processed import AttributeSchema
from apps.ml.deployment.explaining.asked_rows import Encoding
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.reasons_given.reasons import ReasonFinder, reason_finder
from apps.ml.evaluation.explanations.reasons_given.score_gains import METHODS
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.evaluation.explanations.ways.counterfactuals import CounterfactualFinder, counterfactual_finder
from apps.ml.models.bundle import ModelBundle
from apps.ml.parameters import Explanations

NOBODY = "no reference row is decided favourably, so nobody is at the cut-off"


@dataclass(frozen=True)
class Basis:
    """What one version's answers are explained against.

    `source`: where it comes from, in words. `background`: float64 [m, k] encoded rows for methods that need some, None
    where there are none. `seed`: of what is drawn. `finder` and `ways`: None for a model that predicts numbers;
    `finder` also where no reference row is decided favourably. `method`: the words for how reasons are chosen.
    """

    source: str
    background: FloatArray | None
    seed: int
    finder: ReasonFinder | None
    ways: CounterfactualFinder | None
    method: str


def decision_rule(bundle: ModelBundle) -> DecisionRule | None:
    """Return the rule that is served; None for a model that predicts numbers and decides nothing."""
    info, encoding = bundle.info, Encoding(bundle)
    if info.threshold is None:
        return None

    def decision_scores(frame: pd.DataFrame) -> FloatArray:
        return bundle.decision_scores_encoded(encoding.of_frame(frame))

    return DecisionRule(info.columns, decision_scores, bundle.decide, info.favourable, info.threshold)


def basis_of_rows(
    bundle: ModelBundle,
    reference: pd.DataFrame,
    background: FloatArray | None,
    attributes: Iterable[AttributeSchema],
    settings: Explanations,
    seed: int,
    source: str,
) -> Basis:
    """Make a basis of reference rows, as the evidence does.

    Parameters
    ----------
    reference : typed data frame [m, columns]
    background : float64 [b, k], encoded rows, or None
    attributes : AttributeSchema of every sensitive attribute; columns that are marked sensitive count without it
    settings, seed : those of the evidence
    """
    rule, method = decision_rule(bundle), METHODS[settings.reason_method]
    if rule is None:
        return Basis(source, background, seed, None, None, method)
    known = tuple(attributes)
    finder = reason_finder(rule, reference, known, settings, seed)
    if finder is not None:
        # The pool of thousands of rows serves the checks of the evidence alone.
        finder = replace(finder, pool=np.empty((0, len(rule.columns))))
    ways = counterfactual_finder(rule, reference, known, settings.counterfactual_changes)
    return Basis(source, background, seed, finder, ways, method)
