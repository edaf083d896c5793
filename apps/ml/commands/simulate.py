"""`fairmind simulate`: does the inference keep its promises? Counts coverage, false alarms and power by simulation."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

if TYPE_CHECKING:
    from apps.ml.evaluation.simulation.family import FamilyOutcome
    from apps.ml.evaluation.simulation.settings import Setting
    from apps.ml.evaluation.simulation.study import Outcome
    from apps.ml.evaluation.simulation.tables import Summary

FAMILIES = ((2000, 0.10, 0.8), (2000, 0.0, 1.0), (20_000, 0.0, 1.0))
"""Rows and limits of the families; limits at exact parity are the hardest to keep."""

QUICK_REPLICATES, FULL_REPLICATES = 200, 1000
FAMILY_SHARE = 4
"""A family has 24 members, so it is drawn a quarter as often as a setting."""


def simulate(
    replicates: Annotated[
        int | None, typer.Option(min=10, help="Tables drawn per setting. Default: 1000, or 200 with --quick.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same tables.")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="A few settings, in seconds.")] = False,
    output: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for simulation.png and simulation.csv.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Draw groups from known rates; print coverage, false alarms and power of our intervals and of three others."""
    from apps.ml.evaluation.simulation.settings import full_settings, quick_settings

    draws = replicates or (QUICK_REPLICATES if quick else FULL_REPLICATES)
    settings = quick_settings() if quick else full_settings()
    families = FAMILIES[:1] if quick else FAMILIES
    outcomes, found = _run(settings, families, draws, seed, 1 if quick else jobs)
    if output is not None:
        _write(output, outcomes, found)
    if as_json:
        rows = [outcome.to_dict() for outcome in outcomes]
        print(json.dumps({"settings": rows, "families": [asdict(each) for each in found]}))
        return
    _show(outcomes, found, output)


def _run(
    settings: Sequence["Setting"], families: Sequence[tuple[int, float, float]], draws: int, seed: int, jobs: int
) -> tuple[tuple["Outcome", ...], list["FamilyOutcome"]]:
    """Run study and families, with progress on stderr."""
    from apps.ml.evaluation.simulation.family import run_family
    from apps.ml.evaluation.simulation.study import run_study

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("settings", total=len(settings) + len(families))
        outcomes = run_study(settings, draws, seed, jobs=jobs, done=lambda: progress.advance(task))
        found = []
        for rows, gap_limit, ratio_limit in families:
            found.append(run_family(rows, max(draws // FAMILY_SHARE, 1), seed, gap_limit, ratio_limit))
            progress.advance(task)
    return outcomes, found


def _write(folder: Path, outcomes: Sequence["Outcome"], families: Sequence["FamilyOutcome"]) -> None:
    from apps.ml.evaluation.simulation.picture import study_plot
    from apps.ml.evaluation.simulation.tables import family_to_csv, to_csv

    folder.mkdir(parents=True, exist_ok=True)
    plot = study_plot(outcomes)
    (folder / plot.file_name).write_bytes(plot.png)
    (folder / "simulation.csv").write_text(to_csv(outcomes), encoding="utf-8")
    (folder / "families.csv").write_text(family_to_csv(families), encoding="utf-8")


def _show(outcomes: Sequence["Outcome"], families: Sequence["FamilyOutcome"], folder: Path | None) -> None:
    from apps.ml.evaluation.simulation.tables import summarise

    console = Console()
    console.print(study_table(summarise(outcomes), outcomes[0].replicates))
    console.print(family_table(families))
    if folder is not None:
        console.print(f"Picture: {folder / 'simulation.png'}    Every setting: {folder / 'simulation.csv'}")


def study_table(summaries: Sequence["Summary"], replicates: int) -> Table:
    """One row per shape, number of groups and method."""
    title = (
        f"Coverage: the lowest of all settings, {replicates:,} draws each. FAIL by gap at most 0.10, ratio at least "
        "0.8: at parity the highest of all settings (false alarms), else their mean (power)."
    )
    table = Table(title=title, title_justify="left", padding=(0, 0, 0, 1))
    for heading in ("truth", "groups", "method"):
        table.add_column(heading, no_wrap=True)
    for heading in ("of", "gap\nheld", "ratio\nheld", "FAIL\ngap", "FAIL\nratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    before = None
    for each in summaries:
        first = (each.shape, each.groups) != before
        before = (each.shape, each.groups)
        if first:
            table.add_section()
        table.add_row(
            each.shape if first else "",
            str(each.groups) if first else "",
            each.method,
            str(each.settings),
            _share(each.gap_coverage),
            _share(each.ratio_coverage),
            _share(each.gap_fail),
            _share(each.ratio_fail),
        )
    return table


def family_table(families: Sequence["FamilyOutcome"]) -> Table:
    """One row per family of gates: how often any failed though all groups are alike."""
    table = Table(title="Any false FAIL among all attributes and metrics, at parity", title_justify="left")
    for heading in ("rows", "gates", "limits", "draws", "plug-in", "each alone", "Holm"):
        table.add_column(heading, justify="right")
    for each in families:
        limits = f"{each.gap_limit:g}, {each.ratio_limit:g}"
        shares = (_share(each.plug_in), _share(each.each_alone), _share(each.holm))
        table.add_row(f"{each.rows:,}", str(each.members), limits, f"{each.replicates:,}", *shares)
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
