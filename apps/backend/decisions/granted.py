"""Whether an organisation may use a model, remembered for a few seconds as callers are."""

import time

from apps.backend.identity.authenticator import REMEMBERED_SECONDS
from apps.backend.identity.grants import require_granted
from apps.backend.storage.database import Database

MOST_REMEMBERED = 10_000


class Granted:
    """Looks grants up; one that was found is not asked for again for `seconds`, after which one that is gone is."""

    def __init__(self, database: Database, seconds: float = REMEMBERED_SECONDS) -> None:
        self._database, self._seconds = database, seconds
        self._remembered: dict[tuple[str, str], float] = {}

    async def require(self, organisation: str, model: str) -> None:
        """Refuse a model that the organisation may not use as one that does not exist (404)."""
        if self._remembered.get((organisation, model), 0.0) > time.monotonic():
            return
        self._remembered.pop((organisation, model), None)
        async with self._database.reading() as connection:
            await require_granted(connection, organisation, model)
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[organisation, model] = time.monotonic() + self._seconds
