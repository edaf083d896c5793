"""A linear model over several estimators' answers."""

from typing import ClassVar

from apps.ml.models.parts.members import WeightedMembers


class Stacking(WeightedMembers):
    """Members whose log-odds or values a penalised linear model adds up; weights may be negative."""

    kind: ClassVar[str] = "stacking"
    scales: ClassVar[tuple[str, ...]] = ("log-odds", "value")
