"""`fairmind results`: what the pipeline measured last, as one table."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from apps.ml.artifact_paths import METRICS, ArtifactPaths
from apps.ml.errors import BadInputError
from apps.ml.evaluation.documents.words import figure
from apps.ml.files import read_json

SHOWN_COMPARISONS = (
    "demographic_parity_ratio",
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "predictive_parity_difference",
    "mean_prediction_difference",
    "mean_error_difference",
    "mean_absolute_error_difference",
    "largest_group_loss",
)
"""Comparisons that the table shows; fairness.json and the report hold all of them."""

LARGE = 100
"""Numbers from here on are no shares and are written with fewer decimals."""

MAIN_MEASUREMENTS = {
    "performance.roc_auc": ("ROC AUC", ".4f"),
    "performance.mean_absolute_error": ("MAE", ",.5g"),
}
"""Path → how the measurement is called and written; the first that a model has is its main one."""

VERDICT_STYLE = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}


def results(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False) -> None:
    """Print performance, fairness and gates of the last pipeline run, and where the report is."""
    paths = ArtifactPaths()
    metrics = {name: _read(paths.metric(name)) for name in METRICS}
    if as_json:
        print(json.dumps({"report": str(paths.report), **metrics}, ensure_ascii=False))
        return
    console = Console()
    console.print(performance_table(metrics["performance"]))
    console.print(fairness_table(metrics["fairness"]))
    console.print(gates_table(metrics["registration"]))
    console.print(f"Report: {paths.report}    Model card: {paths.model_card}")


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise BadInputError(f"{path} does not exist. Run `make reproduce` or `dvc repro` first.")
    content: dict[str, Any] = read_json(path)
    return content


def performance_table(performance: dict[str, Any]) -> Table:
    """One row per measurement, with its interval."""
    unit = f", in {performance['unit']} where it has a unit" if performance.get("unit") else ""
    table = Table(title=f"Performance on {performance['rows']} test rows{unit}", title_justify="left")
    _columns(table, "metric")
    for name, measurement in _measurements(performance):
        table.add_row(name, *_cells(measurement))
    return table


def fairness_table(fairness: dict[str, Any]) -> Table:
    """One row per attribute and gap, with its interval."""
    table = Table(title="Fairness on the same rows", title_justify="left")
    _columns(table, "attribute", "metric")
    for attribute, content in fairness.items():
        for name in SHOWN_COMPARISONS:
            if name in content:
                table.add_row(attribute, name, *_cells(content[name]))
    return table


def gates_table(registration: dict[str, Any]) -> Table:
    """One row per gate, guard and rule of the policy with verdict and reason."""
    table = Table(title=f"Gates: {registration['verdict']}", title_justify="left")
    for heading in ("gate", "verdict", "reason"):
        table.add_column(heading, overflow="fold")
    for name, gate in judged_by_name(registration).items():
        style = VERDICT_STYLE[gate["verdict"]]
        table.add_row(name, f"[{style}]{gate['verdict']}[/{style}]", gate["reason"])
    if registration.get("not_applicable"):
        table.caption = f"Not asked of this model: {', '.join(registration['not_applicable'])}"
        table.caption_justify = "left"
    return table


def judged_by_name(registration: dict[str, Any]) -> dict[str, Any]:
    """Return everything that was judged: gates, then guards and rules of the policy, marked as such."""
    guards = {f"guard: {name}": guard for name, guard in registration.get("guards", {}).items()}
    policy = {f"policy: {name}": rule for name, rule in registration.get("policy", {}).items()}
    return {**registration["gates"], **guards, **policy}


def main_measurement(metrics: Mapping[str, float]) -> str:
    """Return the measurement by which a model is known, as text: ROC AUC of decisions, the error of numbers.

    Parameters
    ----------
    metrics : path of a measurement → its value, as a run has them; empty text where neither is there
    """
    for path, (name, written) in MAIN_MEASUREMENTS.items():
        if metrics.get(path) is not None:
            return f"{name} {metrics[path]:{written}}"
    return ""


def _columns(table: Table, *labels: str) -> None:
    for label in labels:
        table.add_column(label, overflow="fold", no_wrap=True, min_width=10)
    table.add_column("value", justify="right")
    table.add_column("interval", justify="right")
    table.add_column("rows", justify="right")


def _measurements(section: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, entry) for name, entry in section.items() if isinstance(entry, dict) and "value" in entry]


def _cells(measurement: dict[str, Any]) -> tuple[str, str, str]:
    if measurement["value"] is None:
        return ("undefined", measurement.get("undefined", ""), str(measurement["n"]))
    interval = f"{_written(measurement['lower'])} to {_written(measurement['upper'])}" if "lower" in measurement else ""
    return (_written(measurement["value"]), interval, str(measurement["n"]))


def _written(value: float) -> str:
    """Four decimals, as shares have them; of large numbers five digits."""
    return f"{value:.4f}" if abs(value) < LARGE else figure(value, 5)
