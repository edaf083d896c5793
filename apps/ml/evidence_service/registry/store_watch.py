"""The tracking store of one process: opened and watched beside the requests; nobody waits for one that is away."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from apps.ml.deployment.observation.logs import LOGGER
from apps.ml.errors import BadInputError, ServiceUnavailableError
from apps.ml.experiments.tracking import TrackingStore, failures_of_the_store, open_store
from apps.ml.tracking_address import SQLITE, TRACKING_VARIABLE, printable, require_reachable, tracking_address

LOOK_SECONDS = 5.0
RETRY_SECONDS = 1.0
END_SECONDS = 2.0
"""How long the end of the watch is waited for: it may itself wait for a store that does not answer."""

NOT_ASKED_YET = "the tracking store was not opened yet"
T = TypeVar("T")


@dataclass(frozen=True)
class StoreState:
    """`trouble`: why the store cannot be used, None where it answers. `is_final`: trying again would not help."""

    trouble: str | None
    is_final: bool = False


class StoreWatch:
    """Opens the store at the tracking address and looks after it from a thread of its own.

    Parameters
    ----------
    on_change
        Told of every change of the state, in the thread of the watch.
    """

    def __init__(
        self,
        on_change: Callable[[StoreState], None] = lambda _: None,
        look_seconds: float = LOOK_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self.state = StoreState(NOT_ASKED_YET)
        self._on_change = on_change
        self._look_seconds, self._retry_seconds = look_seconds, retry_seconds
        self._store: TrackingStore | None = None
        self._file: tuple[int, int] | None = None
        self._ended, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="store-watch", daemon=True)

    def start(self) -> None:
        """Begin to look, in the process that serves."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(END_SECONDS)

    def using(self, work: Callable[[TrackingStore], T]) -> T:
        """Return what `work` gives, done with the store in this thread.

        Raises
        ------
        ServiceUnavailableError
            The store is away, or fails in the middle; nobody waits for one that was away a moment ago.
        """
        store, state = self._store, self.state
        if store is None or state.trouble is not None:
            raise ServiceUnavailableError(state.trouble or NOT_ASKED_YET)
        try:
            with failures_of_the_store(store.address):
                self._require_there(store)
                return work(store)
        except ServiceUnavailableError:
            self._wake.set()
            raise

    def _watch(self) -> None:
        while not self._ended.is_set():
            self._wake.clear()
            self._note(self._look())
            if self.state.is_final:
                return
            self._wake.wait(self._look_seconds if self.state.trouble is None else self._retry_seconds)

    def _look(self) -> StoreState:
        try:
            store = self._store or self._opened()
            with failures_of_the_store(store.address):
                self._require_there(store)
                store.client.search_experiments(max_results=1)
            self._store = store
        except BadInputError as error:
            return StoreState(str(error), is_final=True)
        except ServiceUnavailableError as error:
            return StoreState(str(error))
        except Exception as error:  # noqa: BLE001 (a thread would end unseen; the text of the error may hold anything)
            return StoreState(f"the tracking store cannot be used ({type(error).__name__}). Mend or restart it.")
        return StoreState(None)

    def _opened(self) -> TrackingStore:
        address = tracking_address()
        if address.startswith(SQLITE):
            # Whoever publishes makes a new store; a file that was moved away is not replaced by an empty one.
            self._file = _identity(address)
            if self._file is None:
                raise _no_file(address)
        return open_store()

    def _require_there(self, store: TrackingStore) -> None:
        """Find out in milliseconds what the tracking library would find out in minutes, or not at all."""
        if not store.address.startswith(SQLITE):
            require_reachable(store.address)
            return
        found = _identity(store.address)
        if found is None:
            raise _no_file(store.address)
        if found != self._file:
            raise ServiceUnavailableError(
                f"Another file took the place of {printable(store.address)}. Start the service again to read it."
            )

    def _note(self, state: StoreState) -> None:
        if state == self.state:
            return
        self.state = state
        if state.trouble is None:
            LOGGER.info("the tracking store answers")
        else:
            LOGGER.warning("the tracking store cannot be used", reason=state.trouble)
        self._on_change(state)


def _identity(address: str) -> tuple[int, int] | None:
    """Return what tells one file from another that bears its name later; None where there is none."""
    try:
        found = Path(address.removeprefix(SQLITE)).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _no_file(address: str) -> ServiceUnavailableError:
    return ServiceUnavailableError(
        f"There is no tracking store at {printable(address)}. Put it back, publish a version (`fairmind models "
        f"publish`), or set {TRACKING_VARIABLE} to a store."
    )
