"""Which signals end a server, and what is respected of what was said before it began."""

import signal
from collections.abc import Iterator

import pytest

from apps.ml.deployment.server.end_signals import END_SIGNALS, on_end_signals


@pytest.fixture(autouse=True)
def _kept() -> Iterator[None]:
    """Put the handlers of the test's own process back."""
    before = {number: signal.getsignal(number) for number in END_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", END_SIGNALS)
def test_every_signal_of_the_end_is_taken(number: signal.Signals) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    told: list[int] = []
    before = on_end_signals(lambda number, _: told.append(number))
    assert set(before) == set(END_SIGNALS)
    signal.raise_signal(number)
    assert told == [number]


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    told: list[int] = []
    assert signal.SIGHUP not in on_end_signals(lambda number, _: told.append(number))
    signal.raise_signal(signal.SIGHUP)
    assert told == []
