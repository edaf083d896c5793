"""The keeper's process: `python -m apps.ml.deployment.server.keeper STATE` moves journals into the database.

One keeper works per folder of state; a second one waits until the first has ended. It ends when it is told (SIGTERM) or
when the server that started it is gone, and before that writes down whatever the journals hold.
"""

import argparse
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from apps.ml.deployment.observation.logs import configure_logs
from apps.ml.deployment.server.end_signals import on_end_signals
from apps.ml.errors import FairMindError
from apps.ml.prediction_log.database import open_database
from apps.ml.prediction_log.state_folder import journal_root
from apps.ml.prediction_log.writer import LogWriter, OnAnswers

LOOK_SECONDS = 0.5
NICENESS = 5
"""Answers come first: what the keeper does is safe already."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until told to end."""
    options = _options(arguments)
    configure_logs()
    os.nice(NICENESS)
    stop = threading.Event()
    on_end_signals(lambda *_: stop.set())
    if options.drain:
        stop.set()
    elif options.parent is not None:
        threading.Thread(target=_follow, args=(options.parent, stop), name="parent-watch", daemon=True).start()
    with _shadows(options) as on_answers:
        _writer(options, on_answers).run(stop)
    if on_answers is not None:
        # What shadows gave while the writer ended is in the keeper's own journal.
        _writer(options, None).run(stop)


def _writer(options: argparse.Namespace, on_answers: OnAnswers | None) -> LogWriter:
    return LogWriter(open_database(create=True), journal_root(options.state), on_answers=on_answers)


@contextmanager
def _shadows(options: argparse.Namespace) -> Iterator[OnAnswers | None]:
    """Score the shadows of the plan, if there is one; without, the keeper loads no code of models."""
    if options.traffic is None:
        yield None
        return
    from apps.ml.deployment.server.keeper_shadows import shadows_of

    with shadows_of(options.traffic, options.state, options.allow) as on_answers:
        yield on_answers


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="keeper", description="Move journals into the prediction log's database.")
    parser.add_argument("state", type=Path, help="folder of the server's state")
    parser.add_argument("--parent", type=int, help="end when this process is gone")
    parser.add_argument("--drain", action="store_true", help="write what the journals hold, and end")
    parser.add_argument("--traffic", type=Path, help="plan whose shadows are scored")
    parser.add_argument("--allow", action="append", help="what decisions of shadows may depend on")
    return parser.parse_args(arguments)


def _follow(parent: int, stop: threading.Event) -> None:
    """End when the parent is gone: orphans are handed to another process."""
    while not stop.wait(LOOK_SECONDS):
        if os.getppid() != parent:
            stop.set()


if __name__ == "__main__":
    try:
        main()
    except FairMindError as error:
        sys.exit(f"error: {error}")
