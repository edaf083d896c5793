"""The weighted mean of several estimators' answers."""

from typing import ClassVar

from apps.ml.models.parts.members import WeightedMembers


class Voting(WeightedMembers):
    """Members whose probabilities, log-odds or values are averaged; the weights sum to 1."""

    kind: ClassVar[str] = "voting"
