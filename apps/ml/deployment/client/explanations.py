"""Why a row got its answer, as the server explains it; what was not asked for or is undefined is None."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one input column adds to the output; an interaction of two columns is named `a × b`."""

    column: str
    contribution: float


@dataclass(frozen=True, slots=True)
class Reason:
    """What weighed against the person, in words for the person. `code`: the same for the same reason."""

    code: str
    column: str
    direction: Literal["low", "high", "missing", "category"]
    words: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one column would have to be, and how far that is in robust deviations (1 for a category)."""

    column: str
    direction: Literal["increase", "decrease", "change"]
    value: float | str
    deviations: float


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """The smallest change found that leads to the favourable decision. `cost`: sum of the deviations."""

    changes: tuple[Change, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of one answer.

    `base` and the contributions, the largest first, add up to the score on the scale of `output`. `reasons`: at most
    four, the strongest first; `strongest_withheld`: whether what counted most is sensitive or a declared proxy, which
    is never given as a reason. `sampling_error`: standard error of one contribution where they are sampled.
    `undefined`: part → why it has no value.
    """

    output: Literal["log-odds", "probability", "value"] | None
    base: float | None
    contributions: tuple[Contribution, ...] | None
    method: str | None
    sampling_error: float | None
    reasons: tuple[Reason, ...] | None
    reasons_method: str | None
    strongest_withheld: bool | None
    counterfactual: Counterfactual | None
    undefined: Mapping[str, str]
