"""What `fairmind tune` shows when it is done."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from apps.ml.experiments.tuning.outcome import Outcome

SHOWN_TRIALS = 5
SHOWN_FRONT = 12
WORDS = {"complete": "trained to the end", "pruned": "given up", "failed": "failed"}


def show_outcome(outcome: "Outcome", figures: Mapping[str, Any], folder: Path) -> None:
    """Print the best trials, the front where there is one, the winner, and where everything lies."""
    console = Console()
    counts = ", ".join(f"{outcome.count(state)} {word}" for state, word in WORDS.items())
    spent = f"resource of {outcome.spent:.1f} whole trials spent"
    console.print(f"{len(outcome.records)} trials: {counts}; {spent}", soft_wrap=True, highlight=False)
    console.print(trials_table(outcome))
    if outcome.front and outcome.problem.unfairness is not None:
        names = f"{outcome.problem.loss.title} against {outcome.problem.unfairness.title}"
        console.print(names[0].upper() + names[1:], highlight=False)
        console.print(front_table(outcome))
    for note in outcome.notes():
        console.print(f"Note: {note}", soft_wrap=True, highlight=False)
    _show_winner(console, outcome, bool(figures["applied"]))
    console.print(f"Report: {folder / 'tuning.md'}    Study: {outcome.name}", soft_wrap=True, highlight=False)


def trials_table(outcome: "Outcome") -> Table:
    """One row per trial, the best first."""
    table = Table()
    for heading in ("trial", outcome.problem.loss.title, "± over folds", "kept"):
        table.add_column(heading, justify="right", no_wrap=True)
    if outcome.problem.space.several:
        table.add_column("estimator", no_wrap=True)
    complete = [record for record in outcome.records if record.state == "complete"]
    for record in sorted(complete, key=lambda record: (record.loss or 0.0, record.number))[:SHOWN_TRIALS]:
        table.add_row(
            str(record.number),
            _number(record.loss),
            _number(record.loss_error),
            "" if record.kept is None else f"{record.kept} {record.resource}",
            *([record.estimator] if outcome.problem.space.several else []),
        )
    return table


def front_table(outcome: "Outcome") -> Table:
    """One row per trial that is not clearly beaten, the fairest first."""
    table = Table()
    for heading in ("trial", "loss", "±", "unfairness", "±"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("standing")
    for one in [one for one in outcome.front if one.standing != "beaten"][:SHOWN_FRONT]:
        record = one.record
        table.add_row(
            str(record.number),
            _number(one.loss),
            _number(record.loss_error),
            _number(one.unfairness),
            _number(record.unfairness_error),
            one.standing,
        )
    return table


def _show_winner(console: Console, outcome: "Outcome", applied: bool) -> None:
    from apps.ml.experiments.tuning.parameters_file import yaml_scalar
    from apps.ml.experiments.tuning.winner import experiment_line

    record = outcome.picked.record
    if record is None:
        console.print(f"No trial is picked: {outcome.picked.reason}", soft_wrap=True, highlight=False)
        return
    console.print(f"Winner: trial {record.number}, picked by {outcome.picked.reason}.", highlight=False)
    for path, value in outcome.values.items():
        console.print(f"  {path}: {yaml_scalar(value)}", highlight=False, soft_wrap=True)
    if applied:
        console.print("params.yaml holds it now. Train it: `dvc repro`.", highlight=False)
        return
    console.print("Write it into params.yaml: `fairmind tune --apply`, or try it:", highlight=False)
    console.print(f"  {experiment_line(outcome.values)}", soft_wrap=True, highlight=False)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
