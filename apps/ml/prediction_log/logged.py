"""What reading the log gives: versions, answers as columns, one answer with everything about it."""

from dataclasses import dataclass
from datetime import datetime

from apps.ml.prediction_log.entries import ColumnEntry

Value = float | bool | str | None
"""A value as a model takes it: number, truth value, text, None where missing."""


@dataclass(frozen=True)
class LoggedVersion:
    """A version that answered. `address`: where it can be loaded from; `bundle`: sha256 of its manifest."""

    bundle: str
    model: str
    version: str | None
    address: str
    evidence: str | None
    threshold: float | None
    scorer: str
    columns: tuple[ColumnEntry, ...]


@dataclass(frozen=True)
class Wanted:
    """Which answers; None: whatever. `since` is within, `until` is not. Answers of shadows, which nobody got, are
    left out unless `arm` names them or `shadows` is true."""

    since: datetime | None = None
    until: datetime | None = None
    model: str | None = None
    version: str | None = None
    bundle: str | None = None
    arm: str | None = None
    route: str | None = None
    shadows: bool = False


@dataclass(frozen=True)
class Predictions:
    """Answers of one version as columns of equal length, in the order of time; what was erased is not among them.

    `inputs` maps each column to its values: the sensitive ones only if they were asked for. Moments are microseconds
    since 1970. `labels`, `reported_at` and `observed_at` are those of the latest report, None where there is none; a
    shadow's answer has the label of the answer that it repeats.
    """

    version: LoggedVersion
    ids: list[str]
    answered_at: list[int]
    arms: list[str | None]
    routes: list[str]
    inputs: dict[str, list[Value]]
    scores: list[float]
    decisions: list[int | None]
    labels: list[float | None]
    reported_at: list[int | None]
    observed_at: list[int | None]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class LoggedOutcome:
    """One report of a label; moments are microseconds since 1970."""

    label: float
    reported_at: int
    observed_at: int | None
    source: str | None
    key: str | None


@dataclass(frozen=True)
class LoggedPrediction:
    """One answer. `inputs` holds every column, the sensitive ones too; `outcomes` every report, the latest last.

    Of an erased prediction `inputs` is empty, `score` and `decision` are None.
    """

    id: str
    version: LoggedVersion
    answered_at: int
    arm: str | None
    route: str
    key: str | None
    request: str | None
    inputs: dict[str, Value]
    score: float | None
    decision: int | None
    outcomes: tuple[LoggedOutcome, ...]

    @property
    def erased(self) -> bool:
        """Whether nothing is left but that it was."""
        return self.score is None
