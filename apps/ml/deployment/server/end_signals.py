"""The signals that end a server, its workers and its keeper: all of them cleanly."""

import signal
from collections.abc import Callable
from typing import Any

END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Asked to end; Ctrl-C; the terminal is gone."""

Handler = Callable[[int, Any], Any] | signal.Handlers


def on_end_signals(handler: Handler) -> dict[signal.Signals, Any]:
    """Let `handler` take every signal of the end, and return what took them before.

    SIGHUP that is ignored stays ignored: who starts a server with `nohup` wants it to outlive the terminal.
    """
    return {
        number: signal.signal(number, handler)
        for number in END_SIGNALS
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    }
