"""How a reproduction looks on a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

VERDICT_STYLE = {"identical": "green", "equal within tolerance": "green", "different": "red"}
MOST_METRICS = 10


def print_reproduction(content: Mapping[str, Any]) -> None:
    """Print outputs, metrics, rows, environment and verdict.

    Parameters
    ----------
    content : mapping
        As :func:`apps.ml.experiments.reproduction.reproduce.reproduce` returns it.
    """
    console = Console()
    for warning in content["warnings"]:
        console.print(f"[yellow]warning[/yellow]: {warning}", soft_wrap=True)
    console.print(_outputs(content["outputs"]))
    if content["metrics"]["differing"]:
        console.print(_metrics(content["metrics"]))
    else:
        console.print(f"All {content['metrics']['compared']:,} metrics are the same.")
    console.print(_rows(content["predictions"]), soft_wrap=True)
    for name, found in content["environment"].items():
        console.print(f"Other environment: {name} {found['original']} then, {found['reproduced']} now.", soft_wrap=True)
    if not content["environment"]:
        console.print("The environment is the same.")
    _print_verdict(console, content)


def _outputs(outputs: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(title="Outputs", title_justify="left")
    for heading in ("output", "digest then", "digest now", ""):
        table.add_column(heading, overflow="fold")
    for path, found in outputs.items():
        same = "same" if found["same"] else "[red]other[/red]"
        table.add_row(path, _short(found["original"]), _short(found["reproduced"]), same)
    return table


def _metrics(metrics: Mapping[str, Any]) -> Table:
    differing = metrics["differing"]
    title = f"Metrics that differ: {len(differing):,} of {metrics['compared']:,}"
    table = Table(title=title + (f", the first {MOST_METRICS}" if len(differing) > MOST_METRICS else ""))
    for heading in ("metric", "then", "now"):
        table.add_column(heading, overflow="fold")
    for name, found in list(differing.items())[:MOST_METRICS]:
        table.add_row(
            name, *("-" if found[key] is None else f"{found[key]:.10g}" for key in ("original", "reproduced"))
        )
    return table


def _rows(rows: Mapping[str, Any]) -> str:
    if "undefined" in rows:
        return f"Predictions row by row: undefined: {rows['undefined']}"
    if not rows["scores_differ"]:
        return f"Predictions: {rows['rows']:,} rows have the same score."
    return (
        f"Predictions: {rows['scores_differ']:,} of {rows['rows']:,} rows have another score, at most by "
        f"{rows['largest_difference']:.3g}; {rows['decisions_differ']:,} another decision."
    )


def _print_verdict(console: Console, content: Mapping[str, Any]) -> None:
    verdict = content["verdict"]
    beside = f" of {content['tolerance']:g}" if verdict == "equal within tolerance" else ""
    style = VERDICT_STYLE[verdict]
    console.print(
        f"Run {content['run_id'][:8]} at commit {content['commit'][:12]}: [{style}]{verdict}{beside}[/{style}]"
    )
    for reason in content["reasons"]:
        console.print(f"  - {reason}", soft_wrap=True)
    if content["clone"]:
        console.print(f"The clone: {content['clone']}", soft_wrap=True)


def _short(digest: str | None) -> str:
    return "-" if digest is None else digest[:12]
