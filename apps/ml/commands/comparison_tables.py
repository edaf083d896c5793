"""How runs side by side look on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

NO_RUN = "`dvc repro` publishes one."
SHOWN = (
    "performance.roc_auc",
    "performance.accuracy",
    "performance.balanced_accuracy",
    "performance.log_loss",
    "performance.calibration_error",
    "performance.mean_absolute_error",
    "performance.root_mean_squared_error",
    "performance.r_squared",
)
SHOWN_GAPS = (
    "demographic_parity_ratio",
    "equalized_odds_difference",
    "equal_opportunity_difference",
    "mean_prediction_difference",
)
COSTS = {
    "cost.fit_seconds": "{:.3g} s",
    "cost.bundle_bytes": "{:,.0f} bytes",
    "cost.score_1000_rows_seconds": "{:.3g} s",
}
"""Metric → how its value is written."""

VERDICT_STYLE = {"better": "green", "worse": "red", "no difference shown": "", "undefined": "yellow"}


def print_runs_comparison(content: Mapping[str, Any], every: bool) -> None:
    """Print parameters that differ, measurements (`every`: all of them), differences from the baseline and the front.

    Parameters
    ----------
    content : mapping
        As :func:`apps.ml.experiments.comparison.compare_runs` returns it.
    """
    console = Console()
    runs = content["runs"]
    if not runs:
        console.print(f"No run yet: {NO_RUN}")
        return
    if content["differing_parameters"]:
        parameters = _table("Parameters that differ", runs)
        for name, values in content["differing_parameters"].items():
            parameters.add_row(name, *("-" if value is None else value for value in values))
        console.print(parameters)
    measured = _table("Measurements", runs)
    for name in dict.fromkeys(name for run in runs for name in run["metrics"]):
        if every or _is_shown(name):
            measured.add_row(name, *(_cell(name, run["metrics"].get(name)) for run in runs))
    measured.add_row("verdict of the gates", *(run["verdict"] or "" for run in runs))
    console.print(measured)
    _print_differences(console, content, every)
    _print_front(console, content["front"])


def _print_differences(console: Console, content: Mapping[str, Any], every: bool) -> None:
    runs = content["runs"]
    for entry in content["paired"]:
        if "undefined" in entry:
            console.print(
                f"{runs[entry['place']]['label']}: no paired differences: {entry['undefined']}", soft_wrap=True
            )
    entries = [entry for entry in content["paired"] if entry["differences"]]
    if not entries:
        return
    family = sum(found["value"] is not None for entry in entries for found in entry["differences"].values())
    baseline, percent = runs[content["baseline"]]["label"], f"{100 * content['confidence']:g} %"
    title = (
        f"Differences from {baseline} on the same rows, with intervals that hold for all {family} at once at {percent}"
    )
    table = Table(title=title, title_justify="left")
    for heading in ("run", "measure", "difference", "interval among all", "verdict"):
        table.add_column(heading, overflow="fold")
    for entry in entries:
        _add_differences(table, runs[entry["place"]]["label"], entry, every)
    console.print(table)


def _add_differences(table: Table, label: str, entry: Mapping[str, Any], every: bool) -> None:
    """Add performance and whatever was shown to differ; `every`: all differences."""
    hidden = 0
    for name, found in entry["differences"].items():
        style = VERDICT_STYLE[found["verdict"]]
        verdict = f"[{style}]{found['verdict']}[/{style}]" if style else found["verdict"]
        if found["verdict"] == "no difference shown" and not every and not name.startswith("performance."):
            hidden += 1
        elif found["value"] is None:
            table.add_row(label, name, "", found["undefined"], verdict)
        else:
            bounds = f"{found['simultaneous_lower']:+.4f} to {found['simultaneous_upper']:+.4f}"
            table.add_row(label, name, f"{found['value']:+.4f}", bounds, verdict)
    if hidden:
        table.add_row(label, f"{hidden} gaps (--all lists them)", "", "", "no difference shown")
    table.add_section()


def _print_front(console: Console, front: Mapping[str, Any] | None) -> None:
    if front is None or len(front["points"]) < 2:
        return
    console.print(f"Front of {front['performance']} and {front['unfairness']}:", soft_wrap=True)
    for point in front["points"]:
        console.print(f"  {point['name']}: {point['standing']}", soft_wrap=True)


def _table(title: str, runs: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("", overflow="fold")
    for run in runs:
        table.add_column(f"{run['label']}\n{run['run_id'][:8]}", overflow="fold")
    return table


def _is_shown(name: str) -> bool:
    gap = name.startswith("fairness.") and name.endswith(SHOWN_GAPS) and ".groups." not in name
    return name in SHOWN or name in COSTS or gap


def _cell(name: str, measurement: Mapping[str, Any] | None) -> str:
    if measurement is None:
        return "-"
    if measurement["value"] is None:
        return f"undefined: {measurement['undefined']}"
    if name in COSTS:
        return COSTS[name].format(measurement["value"])
    interval = f" ({measurement['lower']:.4f} to {measurement['upper']:.4f})" if "lower" in measurement else ""
    return f"{measurement['value']:.4f}{interval}"
