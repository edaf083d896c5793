"""The valid keys, in memory: a request's key is found without asking the database.

A presented text is looked up by its digest. Comparing texts byte by byte would take longer the more of its beginning is
right; a digest changes as a whole with every byte, so the time of a look-up says nothing about a text that comes close.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from apps.ml.deployment.observation.logs import LOGGER
from apps.ml.deployment.protection.key_store import MICROSECONDS, StoredKey, valid_keys
from apps.ml.deployment.protection.key_text import LONGEST_TEXT, key_digest
from apps.ml.deployment.protection.token_bucket import NANOSECONDS, TokenBucket


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key in the ring. `expires`: seconds since 1970, or infinite. The secrets of a name share one bucket."""

    name: str
    scopes: frozenset[str]
    expires: float
    bucket: TokenBucket | None


@dataclass(frozen=True)
class RingSettings:
    """How often keys are read, how long they are used unread, and the share of a rate that this process lets pass."""

    refresh_seconds: float
    stale_seconds: float
    per_minute: int | None = None
    processes: int = 1


class KeyRing:
    """Reads the valid keys when it is made and every few seconds after :meth:`start`.

    While the database is away the keys read last are used for `stale_seconds`; then :meth:`trouble` says so and
    :attr:`known` is False: whether a key was revoked in the meantime nobody knows.
    """

    def __init__(
        self,
        engine: Engine,
        settings: RingSettings,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._keys: dict[bytes, KnownKey] = {}
        self._stale_at = monotonic()
        self._failing = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.refresh()

    @property
    def known(self) -> bool:
        """Whether the keys were read recently enough to be relied on."""
        return self._monotonic() < self._stale_at

    def find(self, text: bytes) -> KnownKey | None:
        """Return the valid key of a presented text; None where there is none, or keys are not :attr:`known`."""
        if len(text) > LONGEST_TEXT:
            return None
        key = self._keys.get(key_digest(text))
        if key is None or key.expires <= self._clock() or self._stale_at <= self._monotonic():
            return None
        return key

    def trouble(self) -> str | None:
        """Return why keys cannot be relied on, for /readyz; None where they can."""
        if self.known:
            return None
        return "The API keys could not be read from the database for too long. See that the database answers."

    def start(self) -> None:
        """Begin to read the keys again and again, in the process that serves (threads do not outlive a fork)."""
        self._thread = threading.Thread(target=self._keep_fresh, name="key-ring", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def refresh(self) -> None:
        """Read the keys now; where that fails, those read before stay."""
        begun = self._monotonic()
        try:
            with self._engine.connect() as connection:
                stored = valid_keys(connection, int(self._clock() * MICROSECONDS))
        except SQLAlchemyError as error:
            self._note_failure(error)
            return
        self._keys = self._known(stored)
        self._stale_at = begun + int(self._settings.stale_seconds * NANOSECONDS)
        self._failing = False

    def _keep_fresh(self) -> None:
        while not self._ended.wait(self._settings.refresh_seconds):
            self.refresh()

    def _note_failure(self, error: SQLAlchemyError) -> None:
        """Say it once per outage; the text of the error may hold the database's address and is left out."""
        if not self._failing:
            LOGGER.warning("the API keys could not be read; those read before are used", error=type(error).__name__)
        self._failing = True

    def _known(self, stored: Sequence[StoredKey]) -> dict[bytes, KnownKey]:
        """Buckets go on as full as they are, unless the rate was changed; the newest secret of a name says its rate."""
        buckets = {key.name: key.bucket for key in self._keys.values()}
        newest = {key.name: key for key in stored}
        for name, key in newest.items():
            buckets[name] = self._bucket(key, buckets.get(name))
        return {
            bytes.fromhex(key.digest): KnownKey(
                key.name,
                frozenset(key.scopes),
                math.inf if key.expires_at is None else key.expires_at / MICROSECONDS,
                buckets[key.name],
            )
            for key in stored
        }

    def _bucket(self, key: StoredKey, before: TokenBucket | None) -> TokenBucket | None:
        per_minute = key.per_minute or self._settings.per_minute
        if per_minute is None:
            return None
        share = per_minute / self._settings.processes
        return before if before is not None and before.per_minute == share else TokenBucket(share, self._monotonic)
