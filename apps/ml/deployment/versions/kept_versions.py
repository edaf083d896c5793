"""Versions that stay in memory after they were replaced, so that rolling back takes no loading."""

import time
from collections import deque
from collections.abc import Callable
from weakref import WeakValueDictionary

from apps.ml.deployment.versions.registry_versions import RegisteredVersion
from apps.ml.deployment.versions.served_model import ServedModel

KEPT_VERSIONS = 2
KEPT_SECONDS = 3600.0


class KeptVersions:
    """Finds a version that is in memory anyway: served by a slot, still answering somebody, or kept.

    `most` versions that were replaced last are kept, each for `seconds`. To be used by one thread at a time.
    """

    def __init__(
        self, most: int = KEPT_VERSIONS, seconds: float = KEPT_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._known: WeakValueDictionary[RegisteredVersion, ServedModel] = WeakValueDictionary()
        self._kept: deque[tuple[float, ServedModel]] = deque(maxlen=most)

    def note(self, version: RegisteredVersion, model: ServedModel) -> None:
        """Remember which version an object is, without keeping it in memory."""
        self._known[version] = model

    def find(self, version: RegisteredVersion) -> ServedModel | None:
        """Return the loaded version, or None."""
        return self._known.get(version)

    def keep(self, model: ServedModel) -> None:
        """Keep a version that was replaced; the oldest kept one goes where there are too many."""
        self._kept.append((self._clock(), model))

    def let_go(self) -> None:
        """Let go of what was kept long enough."""
        while self._kept and self._clock() - self._kept[0][0] >= self.seconds:
            self._kept.popleft()

    def kept(self) -> list[ServedModel]:
        """Return what is kept now, the oldest first."""
        return [model for _, model in self._kept]
