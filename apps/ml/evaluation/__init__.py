"""Evaluation: what is measured about a model's decisions, and what follows from it.

*Measurement*: one number with its interval, or *undefined* with the reason. *Decision*: the 0/1 answer, that is
score >= threshold. *Performance*: how well scores and decisions fit the labels. *Fairness*: how decisions and errors
differ between groups. *Explanation*: which columns moved a score. *Gate*: a declared limit on one measurement, with
three verdicts (PASS, FAIL, INCONCLUSIVE). *Evidence*: the record of all of these, from which documents are rendered.

`statistics`, `performance`, `fairness` and `gates` know no model: labels, scores, decisions and groups are enough.
"""
