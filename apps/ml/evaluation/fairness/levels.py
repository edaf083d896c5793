"""How sure each interval is: on its own, and so that all intervals of its family hold at once.

A family is all intervals of one kind, over metrics, groups and attributes. Two metrics whose intervals miss together,
such as a rate and its complement, count once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from apps.ml.evaluation.statistics.shares.simultaneous import simultaneous_confidence

METHOD = "Bonferroni: each member errs with at most (1 - confidence) / members"


class Levels(NamedTuple):
    """Confidence of an interval on its own, and of one that holds together with its family."""

    each: float
    together: float


@dataclass(frozen=True)
class Families:
    """The families of one assessment.

    `confidence`: of each interval on its own, and of each family of simultaneous intervals as a whole. `members`:
    family → number of intervals.
    """

    confidence: float
    members: Mapping[str, int]

    def levels(self, family: str) -> Levels:
        """Return the confidences of one member of a family."""
        return Levels(self.confidence, simultaneous_confidence(self.confidence, max(self.members[family], 1)))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: `confidence`, `simultaneous` in words, and per family `members` and `confidence_of_each`."""
        families = {
            name: {"members": members, "confidence_of_each": self.levels(name).together}
            for name, members in self.members.items()
        }
        return {"confidence": self.confidence, "simultaneous": METHOD, "families": families}


def distinct(names: Iterable[str], same_as: Mapping[str, str]) -> int:
    """Count names, those that `same_as` maps to one another once."""
    return len({same_as.get(name, name) for name in names})
