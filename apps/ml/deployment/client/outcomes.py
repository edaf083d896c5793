"""What came of a prediction, as it is reported to the server."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """The label of one prediction; reports may be late, repeated and corrected, and the latest holds.

    `id`: the name that came with the prediction. `label`: 0 or 1 (1: the positive event came true), or the number where
    numbers are predicted. `observed_at`: when it was observed, with a time zone. `source`: who says so.
    """

    id: str
    label: float
    observed_at: datetime | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        if self.observed_at is not None and self.observed_at.utcoffset() is None:
            raise ValueError("observed_at has no time zone. Give one, such as datetime.UTC.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; what is None is left out."""
        observed = None if self.observed_at is None else self.observed_at.isoformat()
        content = {"id": self.id, "label": self.label, "observed_at": observed, "source": self.source}
        return {key: value for key, value in content.items() if value is not None}
