"""One way to ask both clients, so that every promise is tested of both."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from apps.ml.deployment.client import AsyncModelClient, Clock, ModelClient, Retries, Timeouts

Ask = Callable[..., Any]
PATIENT = Timeouts(60.0, 120.0, 300.0)
"""Longer than any machine takes; only the patience that a test is about is short."""

WALL = 1_800_000_000.0


@dataclass
class TestClock:
    """A clock that stands still but for sleeping; draws the greatest number it may."""

    moment: float = 1000.0
    slept: list[float] = field(default_factory=list)
    share: float = 1.0

    __test__ = False

    def clock(self) -> Clock:
        async def sleep_async(seconds: float) -> None:
            self.sleep(seconds)

        return Clock(lambda: self.moment, lambda: WALL, self.sleep, sleep_async, self.draw)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += seconds

    def draw(self, low: float, high: float) -> float:
        return low + self.share * (high - low)


def blocking(address: str, method: str, *arguments: Any, client: dict[str, Any] | None = None, **named: Any) -> Any:
    with ModelClient(address, **{"timeout": PATIENT, **(client or {})}) as asking:
        return getattr(asking, method)(*arguments, **named)


def awaited(address: str, method: str, *arguments: Any, client: dict[str, Any] | None = None, **named: Any) -> Any:
    async def run() -> Any:
        async with AsyncModelClient(address, **{"timeout": PATIENT, **(client or {})}) as asking:
            return await getattr(asking, method)(*arguments, **named)

    return asyncio.run(run())


both = pytest.mark.parametrize("ask", [blocking, awaited], ids=["blocking", "awaited"])

QUICK = {"timeout": PATIENT, "retries": Retries(4, 0.1, 5.0)}


def with_clock(clock: TestClock, **changes: Any) -> dict[str, Any]:
    """Arguments of a client that waits by a clock of the test."""
    return {**QUICK, "clock": clock.clock(), **changes}
