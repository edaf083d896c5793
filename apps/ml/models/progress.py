"""What a person sees of a long fit: a bar on a terminal, now and then a line elsewhere, nothing for a short fit."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from apps.ml.models.fitting import Report

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def fit_progress(title: str, stream: TextIO | None = None) -> Iterator[Report]:
    """Yield a report function that shows progress on `stream` (None: stderr) under `title`."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield lines(title, stream)
        return
    with _bar(title, stream) as report:
        yield report


def lines(title: str, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> Report:
    """Return a report function that prints a line at most every ten seconds, the first after ten."""
    printed = clock()

    def report(done: int, total: int, loss: float | None) -> None:
        nonlocal printed
        if clock() - printed >= SECONDS_BETWEEN_LINES:
            printed = clock()
            print(f"{title}: round {done} of at most {total}{_loss(loss)}", file=stream, flush=True)

    return report


@contextmanager
def _bar(title: str, stream: TextIO) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    parts = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
    )
    with Progress(*parts, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task(title, total=None, state="")

        def report(done: int, total: int, loss: float | None) -> None:
            bar.update(task, completed=done, total=total, state=f"round {done} of at most {total}{_loss(loss)}")

        yield report


def _loss(loss: float | None) -> str:
    return "" if loss is None else f", validation loss {loss:.4f}"
