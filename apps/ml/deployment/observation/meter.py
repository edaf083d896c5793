"""What is counted of every request, whoever asks for it later: by route and status, by stage and version."""

import time
from collections import Counter
from dataclasses import dataclass, field

from apps.ml.deployment.observation.durations import Durations, Histogram

RequestKey = tuple[str, str, int]
"""Method, route, status."""

StageKey = tuple[str, str, str]
"""Stage (`score`, `log`, `explain`), model, version."""

AnswerKey = tuple[str, str, str, str]
"""Model, version, arm, route."""


@dataclass(frozen=True)
class Counts:
    """What one process counted since it began; `taken` tells when, in seconds since 1970."""

    requests: dict[RequestKey, Histogram] = field(default_factory=dict)
    stages: dict[StageKey, Histogram] = field(default_factory=dict)
    predictions: dict[AnswerKey, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    taken: float = 0.0


class Meter:
    """Takes what happens; costs a list append each. Safe to use from several threads."""

    def __init__(self) -> None:
        self._requests: Durations[RequestKey] = Durations()
        self._stages: Durations[StageKey] = Durations()
        self._predictions: Counter[AnswerKey] = Counter()
        self._refusals: Counter[str] = Counter()
        self.in_flight = 0

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Take one finished request."""
        self._requests.note((method, route, status), seconds)

    def stage(self, stage: str, model: str, version: str | None, seconds: float) -> None:
        """Take the duration of one stage of one request."""
        self._stages.note((stage, model, version or ""), seconds)

    def answered(self, model: str, version: str | None, arm: str | None, route: str, rows: int) -> None:
        """Take the predictions of one answer."""
        self._predictions[model, version or "", arm or "", route] += rows

    def refused(self, code: str) -> None:
        """Take one refusal by its code."""
        self._refusals[code] += 1

    def counts(self) -> Counts:
        """Return what was counted so far."""
        return Counts(
            dict(self._requests.fold()),
            dict(self._stages.fold()),
            dict(self._predictions),
            dict(self._refusals),
            time.time(),
        )
