"""When what failed is tried again."""

import random

from apps.backend import moments

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 3600.0
LEASE = 600 * moments.MICROSECONDS
"""Whoever works on something has it for so long; after that, the process must have died and another one takes it."""


def next_try(tries: int, retry_after: float | None = None) -> int:
    """Return the moment of the next try: after 5 s, doubled with each try up to an hour, half of it left to chance.

    Parameters
    ----------
    tries
        That were made, at least 1.
    retry_after
        Seconds that were asked for; more than an hour is an hour.
    """
    ceiling = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(tries - 1, 20))
    pause = ceiling * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
    asked = min(retry_after or 0.0, LONGEST_PAUSE_SECONDS)
    return moments.now() + round((asked + pause) * moments.MICROSECONDS)
