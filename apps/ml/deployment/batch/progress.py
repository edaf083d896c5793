"""What a person sees of a job at work, on a terminal: share, rows, rows a second, what remains."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from apps.ml.deployment.batch.file_scoring import Tell


@contextmanager
def scoring_progress(quiet: bool = False) -> Iterator[Tell | None]:
    """Yield what is told of rows and share; None where nobody looks: stderr is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    parts = (
        TextColumn("Scoring"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
    )
    with Progress(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, state="")
        scored, began = 0, time.perf_counter()

        def tell(rows: int, share: float) -> None:
            nonlocal scored
            scored += rows
            bar.update(task, completed=share, state=state(scored, time.perf_counter() - began))

        yield tell


def state(rows: int, seconds: float) -> str:
    """Say how many rows are done and how fast."""
    speed = f", {rows / seconds:,.0f} rows/s" if seconds > 0 else ""
    return f"{rows:,} rows{speed}"
