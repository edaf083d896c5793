"""What a served version's answers are compared with: the basis of the evaluation, put to the rule that is served."""

import pandas as pd

from apps.ml.deployment.explaining.asked_rows import Encoding
from apps.ml.evaluation.explanations.basis import Basis
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.models.bundle import ModelBundle

__all__ = ["NOBODY", "Basis", "decision_rule"]

NOBODY = "none of the reference rows, or too few, are decided favourably, so nobody is at the cut-off"


def decision_rule(bundle: ModelBundle) -> DecisionRule | None:
    """Return the rule that is served; None for a model that predicts numbers and decides nothing."""
    info, encoding = bundle.info, Encoding(bundle)
    if info.threshold is None:
        return None

    def decision_scores(frame: pd.DataFrame) -> FloatArray:
        return bundle.decision_scores_encoded(encoding.of_frame(frame))

    return DecisionRule(info.columns, decision_scores, bundle.decide, info.favourable, info.threshold)
