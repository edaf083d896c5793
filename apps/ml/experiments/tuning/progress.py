"""What a person sees of a study at work: how many trials, the best so far, the resource spent."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from apps.ml.experiments.tuning.problem import TuningProblem
from apps.ml.experiments.tuning.records import trial_records
from apps.ml.experiments.tuning.working import Budget, standing
from apps.ml.models.progress import SECONDS_BETWEEN_LINES


@contextmanager
def tuning_progress(problem: TuningProblem, budget: Budget) -> Iterator[Callable[[Sequence[Any]], None]]:
    """Yield what is told all trials now and then: a bar on a terminal, a line every ten seconds elsewhere."""
    if not sys.stderr.isatty():
        yield _lines(problem, budget)
        return
    parts = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
    )
    with Progress(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Tuning", total=budget.trials, state="")

        def tell(trials: Sequence[Any]) -> None:
            finished, state = said(problem, trials, budget)
            bar.update(task, completed=finished, state=state)

        yield tell


def _lines(problem: TuningProblem, budget: Budget) -> Callable[[Sequence[Any]], None]:
    printed = time.monotonic()

    def tell(trials: Sequence[Any]) -> None:
        nonlocal printed
        if time.monotonic() - printed >= SECONDS_BETWEEN_LINES:
            printed = time.monotonic()
            print(f"Tuning: {said(problem, trials, budget)[1]}", file=sys.stderr, flush=True)

    return tell


def said(problem: TuningProblem, trials: Sequence[Any], budget: Budget) -> tuple[int, str]:
    """Return the number of finished trials, and in words: counts, the best so far, the resource spent."""
    found, records = standing(trials), trial_records(problem, trials)
    losses = [record.loss for record in records if record.state == "complete" and record.loss is not None]
    best = f", best {problem.loss.name} {problem.loss.metric(min(losses)):.4f}" if losses else ""
    failed = f", {found.failed} failed" if found.failed else ""
    spent = sum(record.share_spent for record in records)
    counts = f"{found.completed} whole, {found.pruned} given up{failed}, {found.running} running"
    return (
        found.finished,
        f"{found.finished} of {budget.trials} trials ({counts}){best}, {spent:.1f} whole trials spent",
    )
