"""How long a call may take and how often it is tried."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `connect`: until a connection stands; `answer`: one try, from its start to the last byte of the answer;
    `total`: the whole call, with all tries and the pauses between them."""

    connect: float = 2.0
    answer: float = 10.0
    total: float = 30.0

    def __post_init__(self) -> None:
        if not all(seconds > 0 for seconds in (self.connect, self.answer, self.total)):
            raise ValueError("every timeout is more than 0 seconds. Give connect, answer and total.")


@dataclass(frozen=True, slots=True)
class Retries:
    """`tries`: how often a call is made at most, the first time included. Before try k + 1 stands a pause that is drawn
    from 0 to `first_pause` · 2^(k - 1) seconds, at most `longest_pause`, on top of what the server asks for.

    References: M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015 (“full jitter”).
    """

    tries: int = 4
    first_pause: float = 0.1
    longest_pause: float = 5.0

    def __post_init__(self) -> None:
        if self.tries < 1 or self.first_pause < 0 or self.longest_pause < 0:
            raise ValueError("a call is tried at least once and pauses are not negative. Mend Retries.")


@dataclass(frozen=True, slots=True)
class Clock:
    """Where time and chance come from: `now` counts seconds from anywhere, `wall` from 1970."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    sleep_async: Callable[[float], Awaitable[None]] = asyncio.sleep
    draw: Callable[[float, float], float] = random.uniform
