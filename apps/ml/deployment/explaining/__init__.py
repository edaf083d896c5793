"""Explanations of single answers: the contributions, reasons and ways that the evidence is made of, asked online.

Explainer
    What is prepared once per served version to explain its answers. It computes nothing of its own: contributions,
    reasons and counterfactuals are those of `apps.ml.evaluation.explanations`, and what is faster here serves only
    after it gave the same numbers.
Basis
    What a person is compared with: reference values, possible changes, background rows. The *training basis* is the
    one that the evidence used; the *profile basis* is made of the summary of the training rows in the bundle.
Leaf
    A leaf of a tree as the box of encoded features that leads to it.
"""
