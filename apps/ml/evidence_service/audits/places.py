"""How many requests may be inside: some are computed, a few wait, the rest is told to come back at once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus

from apps.ml.deployment.requests.refusals import RefusalError

BUSY_SECONDS = 10


class Places:
    """For one event loop. `at_once`: turns at the same time; `waiting`: places beyond them."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._room = at_once + waiting
        self._turns = asyncio.Semaphore(at_once)
        self.taken = 0
        self.computing = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place, before a byte of the body is read.

        Raises
        ------
        RefusalError
            503 where there is none.
        """
        if self.taken >= self._room:
            message = "The service reads as many files as it can. Send this one again later."
            headers = {"Retry-After": str(BUSY_SECONDS)}
            raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", message, headers=headers)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until a worker may be started; first come, first served."""
        async with self._turns:
            self.computing += 1
            try:
                yield
            finally:
                self.computing -= 1
