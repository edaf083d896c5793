"""Fairness: how decisions and errors differ between the groups of each sensitive attribute.

*Group*: the rows that share a value of a sensitive attribute, or of an *intersection* of several. *Judged*: a group
that enters comparisons; the group `unknown` and groups under the minimum size are shown and not judged. *Favourable*:
the outcome that is good for the person, which may be the positive event or its absence. *Difference*: largest minus
smallest rate over the judged groups. *Ratio*: smallest divided by largest. *Reference*: the group that signed
comparisons are made with. Everything follows from joint counts; docs/ml/fairness_metrics.md states every definition,
interval and choice.
"""

from apps.ml.evaluation.fairness.assessment import assess_fairness, assess_joint
from apps.ml.evaluation.fairness.results import (
    AttributeAssessment,
    FairnessAssessment,
    GroupAssessment,
    ReferenceAssessment,
)

__all__ = [
    "AttributeAssessment",
    "FairnessAssessment",
    "GroupAssessment",
    "ReferenceAssessment",
    "assess_fairness",
    "assess_joint",
]
