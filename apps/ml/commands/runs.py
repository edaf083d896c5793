"""`fairmind runs`: tracked runs, listed, side by side, and made again."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from apps.ml.artifact_paths import ArtifactPaths, repository_root
from apps.ml.commands.comparison_tables import NO_RUN, print_runs_comparison
from apps.ml.commands.registry_tables import moment
from apps.ml.commands.reproduction_tables import print_reproduction
from apps.ml.commands.results import main_measurement
from apps.ml.errors import EXIT_DONE, BadInputError
from apps.ml.files import write_json, write_text, write_with
from apps.ml.parameters import read_parameters

app = typer.Typer(no_args_is_help=True, help="Tracked runs: listed, side by side, made again.")
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Dataset = Annotated[str | None, typer.Option(help="Only runs of this data set.")]
KEPT_WHOLE = ("run", "verdict")
LATEST = 5
PAGE = "comparison.html"
USUAL_TOLERANCE = 1e-6
EXIT_DIFFERENT = 1


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
        typer.Argument(
            metavar="[RUN]...",
            help="Ids of runs (or their beginnings), names of DVC experiments, NAME@ALIAS or NAME/3.",
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Without RUN: the data set whose latest runs are compared.")
    ] = None,
    last: Annotated[int, typer.Option(min=1, help="Without RUN: how many.")] = LATEST,
    baseline: Annotated[
        str | None, typer.Option(help="The run that others are held against. Default: the first.")
    ] = None,
    performance: Annotated[str | None, typer.Option(help="Metric of the front, as performance.roc_auc.")] = None,
    unfairness: Annotated[str | None, typer.Option(help="The other metric of the front, as fairness.sex.….")] = None,
    confidence: Annotated[
        float | None, typer.Option(min=0.5, max=0.9999, help="Of all verdicts at once. Default: the baseline's.")
    ] = None,
    measure_speed: Annotated[
        bool, typer.Option("--measure-speed", help="Time the answers to 1,000 rows, in turn.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for comparison.html, comparison.json and pictures.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Print every measurement, also those of groups.")] = False,
    as_json: Json = False,
) -> None:
    """Compare runs: parameters that differ, measurements, and what differs beyond noise on the same test rows."""
    from apps.ml.experiments.comparison import Asked, compare_runs
    from apps.ml.experiments.tracking import answering_store

    chosen = None if runs else dataset or _own_dataset()
    asked = Asked(runs or (), chosen, last, baseline, performance, unfairness, confidence, measure_speed)
    with answering_store() as store:
        content = compare_runs(store, asked)
    if output is not None:
        _write_page(output, content)
    if as_json:
        print(json.dumps(content, ensure_ascii=False))
    else:
        print_runs_comparison(content, every)
    if output is not None and not as_json:
        print(f"Page: {output / PAGE}")


@app.command()
def reproduce(
    reference: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's id or its beginning, a DVC experiment, NAME@ALIAS or NAME/3.")
    ],
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="Largest difference of a score or metric that still counts as equal.")
    ] = USUAL_TOLERANCE,
    keep: Annotated[Path | None, typer.Option(file_okay=False, help="Keep the clone in this folder.")] = None,
    as_json: Json = False,
) -> None:
    """Make a run again in a clone at its commit; exit code 0: the same came out, 1: something else."""
    from apps.ml.experiments.reproduction.reproduce import reproduce as make_again

    told = Console(stderr=True)

    def progress(stage: str, number: int, stages: int) -> None:
        told.print(f"{number}/{stages} {stage}", highlight=False)

    content = make_again(reference, repository_root(), tolerance, keep, progress)
    if as_json:
        print(json.dumps(content, ensure_ascii=False))
    else:
        print_reproduction(content)
    raise typer.Exit(EXIT_DIFFERENT if content["verdict"] == "different" else EXIT_DONE)


def _write_page(folder: Path, content: Mapping[str, Any]) -> None:
    """Write page, record and pictures, after everything is drawn."""
    from apps.ml.evaluation.model_comparison.page import draw_comparison, render_comparison

    if not content["runs"]:
        raise BadInputError(f"There is no run to draw. {NO_RUN}")
    plots = draw_comparison(content)
    page = render_comparison(content, plots)
    for plot in plots:
        write_with(folder / plot.file_name, partial(_write_bytes, plot.png))
    write_json(folder / "comparison.json", dict(content))
    write_text(folder / PAGE, page)


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _own_dataset() -> str:
    return read_parameters(ArtifactPaths().parameters).data_processing.dataset


def _list_table(runs: Sequence[Mapping[str, Any]]) -> Table:
    datasets = sorted({run["dataset"] for run in runs})
    table = Table(title=f"Complete runs: {len(runs)} ({', '.join(datasets)})", title_justify="left")
    headings = ("run", "experiment", "estimator", "verdict", "main measurement", "started (UTC)")
    for heading in (*(("data set",) if len(datasets) > 1 else ()), *headings):
        table.add_column(heading, overflow="fold", no_wrap=heading in KEPT_WHOLE)
    for run in runs:
        table.add_row(
            *((run["dataset"],) if len(datasets) > 1 else ()),
            run["run_id"][:8],
            "\n".join(run["experiments"]),
            run["parameters"].get("model_training.estimator", ""),
            run["verdict"],
            main_measurement(run["metrics"]),
            moment(run["started"]),
        )
    return table
