"""Where an option may be searched: declared beside the option, so that an estimator's search space is its declaration.

An option of an estimator's section carries a :class:`Range` or a :class:`Choice` in its annotation; an option without
one is never searched. `model_tuning.search` narrows or widens a space for one run of tuning.
"""

from dataclasses import dataclass
from typing import Any

from apps.ml.errors import ParameterError
from apps.ml.parameters.values import Section


@dataclass(frozen=True)
class Range:
    """Every number from `low` to `high`, both included; on a logarithmic scale where `log`."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ParameterError(
                f"a range from {self.low} to {self.high} holds nothing to search. Give low < high, and low > 0 on a "
                "logarithmic scale."
            )


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise ParameterError("a choice needs at least two values to search among. Name another, or leave it out.")


Dimension = Range | Choice


def search_space(options: type[Section]) -> dict[str, Dimension]:
    """Return option → where it may be searched, in the order of declaration."""
    found = {
        name: [part for part in field.metadata if isinstance(part, Range | Choice)]
        for name, field in options.model_fields.items()
    }
    return {name: parts[0] for name, parts in found.items() if parts}


def is_whole(options: type[Section], name: str) -> bool:
    """Whether an option takes whole numbers only."""
    return options.model_fields[name].annotation is int
