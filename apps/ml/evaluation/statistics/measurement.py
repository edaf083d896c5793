"""A measured number with its uncertainty, or an explicit *undefined* with its reason."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """One number that was measured.

    `value` is None exactly when `undefined` holds a reason. `lower` and `upper` bound the true value at
    `confidence` by `method`; both None where no interval exists. `n`: rows that entered.
    `numerator` and `denominator` are counts (sums of weights where rows are weighted), where the measurement is a
    share of rows. `simultaneous_lower` and `simultaneous_upper` bound all measurements of the same kind at once, over
    groups, attributes and metrics. A comparison names the groups with the `lowest` and the `highest` rate, and the
    `rate` in which they differ most.
    """

    value: float | None
    n: int
    lower: float | None = None
    upper: float | None = None
    confidence: float | None = None
    method: str | None = None
    numerator: float | None = None
    denominator: float | None = None
    undefined: str | None = None
    simultaneous_lower: float | None = None
    simultaneous_upper: float | None = None
    lowest: str | None = None
    highest: str | None = None
    rate: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) != (self.undefined is not None):
            raise ValueError("a measurement has either a value or a reason why it is undefined")

    @property
    def is_defined(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: `value` and `n` always, the other fields only where they are set."""
        always = {"value": self.value, "n": self.n}
        optional = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in always}
        return always | {key: value for key, value in optional.items() if value is not None}

    @staticmethod
    def from_dict(content: dict[str, Any]) -> "Measurement":
        """Inverse of :meth:`to_dict`."""
        return Measurement(**content)


def undefined(reason: str, n: int = 0, numerator: float | None = None, denominator: float | None = None) -> Measurement:
    """Return a measurement without a value; `reason` says why in words."""
    return Measurement(None, n, numerator=numerator, denominator=denominator, undefined=reason)
