"""Where answers are written down before they are sent; the journal of `apps.ml.prediction_log` is the real one."""

from typing import Protocol

from apps.ml.prediction_log.entries import Entry


class CallLog(Protocol):
    """Takes entries; safe to call from several threads."""

    def append(self, entry: Entry) -> None:
        """Write one entry down, so that it outlives this process.

        Raises
        ------
        LogFullError
            There is no room; nothing was written, and the answer must not be sent.
        """

    @property
    def room(self) -> bool:
        """Whether entries are taken now; without room no request is answered."""

    def trouble(self) -> str | None:
        """Return why the log is ill or behind, for /readyz; None where it is well."""

    def close(self) -> None:
        """End it: no entry is taken any more, and whoever moves entries on may take the rest. Again does nothing."""


class NoLog:
    """Keeps nothing, where the operator switched the log off."""

    room = True

    def append(self, entry: Entry) -> None:
        """Keep nothing."""

    def trouble(self) -> str | None:
        """Nothing can go wrong."""
        return None

    def close(self) -> None:
        """There is nothing to end."""
