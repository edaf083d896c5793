"""`fairmind runs`: tracked runs, listed and side by side."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.commands.registry_tables import moment
from apps.ml.parameters import read_parameters

app = typer.Typer(no_args_is_help=True, help="Tracked runs, side by side.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Dataset = Annotated[str | None, typer.Option(help="Only runs of this data set.")]
SHOWN = (
    "performance.roc_auc",
    "performance.accuracy",
    "performance.balanced_accuracy",
    "performance.calibration_error",
)
SHOWN_GAPS = ("demographic_parity_ratio", "equalized_odds_difference", "equal_opportunity_difference")
KEPT_WHOLE = ("run", "verdict", "ROC AUC")
LATEST = 5


@app.command("list")
def list_runs(dataset: Dataset = None, as_json: Json = False) -> None:
    """List the complete runs, the newest first."""
    from apps.ml.experiments.comparison import described_run
    from apps.ml.experiments.runs import latest_runs
    from apps.ml.experiments.tracking import answering_store

    with answering_store() as store:
        runs = [described_run(run) for run in latest_runs(store, dataset)]
    if as_json:
        print(json.dumps({"runs": runs}, ensure_ascii=False))
    else:
        Console().print(_list_table(runs))


@app.command()
def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Ids of runs (or their beginnings) or names of DVC experiments."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Without RUN: the data set whose latest runs are compared.")
    ] = None,
    last: Annotated[int, typer.Option(min=1, help="Without RUN: how many.")] = LATEST,
    every: Annotated[bool, typer.Option("--all", help="Print every measurement, also those of groups.")] = False,
    as_json: Json = False,
) -> None:
    """Compare runs: the parameters that differ, the measurements with their intervals."""
    from apps.ml.experiments.comparison import compared, described_run
    from apps.ml.experiments.runs import find_run, latest_runs
    from apps.ml.experiments.tracking import answering_store

    with answering_store() as store:
        found = (
            [(find_run(store, name), name) for name in runs]
            if runs
            else [(run, None) for run in latest_runs(store, dataset or _own_dataset(), last)]
        )
    described = [described_run(run, name) for run, name in found]
    content = compared(described, [run for run, _ in found])
    if as_json:
        print(json.dumps(content, ensure_ascii=False))
    else:
        _print_comparison(content, every)


def _own_dataset() -> str:
    return read_parameters(ArtifactPaths().parameters).data_processing.dataset


def _list_table(runs: Sequence[Mapping[str, Any]]) -> Table:
    datasets = sorted({run["dataset"] for run in runs})
    table = Table(title=f"Complete runs: {len(runs)} ({', '.join(datasets)})", title_justify="left")
    headings = ("run", "experiment", "estimator", "verdict", "ROC AUC", "started (UTC)")
    for heading in (*(("data set",) if len(datasets) > 1 else ()), *headings):
        table.add_column(heading, overflow="fold", no_wrap=heading in KEPT_WHOLE)
    for run in runs:
        auc = run["metrics"].get("performance.roc_auc")
        table.add_row(
            *((run["dataset"],) if len(datasets) > 1 else ()),
            run["run_id"][:8],
            "\n".join(run["experiments"]),
            run["parameters"].get("model_training.estimator", ""),
            run["verdict"],
            "" if auc is None else f"{auc:.4f}",
            moment(run["started"]),
        )
    return table


def _print_comparison(content: Mapping[str, Any], every: bool) -> None:
    console = Console()
    runs = content["runs"]
    if not runs:
        console.print("No run yet: `dvc repro` publishes one.")
        return
    if content["differing_parameters"]:
        parameters = _table("Parameters that differ", runs)
        for name, values in content["differing_parameters"].items():
            parameters.add_row(name, *("-" if value is None else value for value in values))
        console.print(parameters)
    measured = _table("Measurements", runs)
    for name in dict.fromkeys(name for run in runs for name in run["metrics"]):
        if every or _is_shown(name):
            measured.add_row(name, *(_cell(run["metrics"].get(name)) for run in runs))
    measured.add_row("verdict of the gates", *(run["verdict"] or "" for run in runs))
    console.print(measured)


def _table(title: str, runs: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("", overflow="fold")
    for run in runs:
        table.add_column(f"{run['experiment'] or run['name']}\n{run['run_id'][:8]}", overflow="fold")
    return table


def _is_shown(name: str) -> bool:
    return name in SHOWN or (name.startswith("fairness.") and name.endswith(SHOWN_GAPS) and ".groups." not in name)


def _cell(measurement: Mapping[str, Any] | None) -> str:
    if measurement is None:
        return "-"
    if measurement["value"] is None:
        return f"undefined: {measurement['undefined']}"
    interval = f" ({measurement['lower']:.4f} to {measurement['upper']:.4f})" if "lower" in measurement else ""
    return f"{measurement['value']:.4f}{interval}"
