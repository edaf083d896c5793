"""An audit on the terminal: groups, comparisons, gates, and how far reading has come."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from apps.ml.commands.results import VERDICT_STYLE, gates_table

GROUP_METRICS = {
    "base_rate": "base rate",
    "favourable_rate": "favourable",
    "impact_ratio": "impact",
    "true_positive_rate": "TPR",
    "false_positive_rate": "FPR",
    "false_negative_rate": "FNR",
    "positive_predictive_value": "PPV",
    "scoring_rate": "scoring",
    "roc_auc": "AUC",
}
COMPARISONS = (
    "demographic_parity_ratio",
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "predictive_equality_difference",
    "equalized_odds_difference",
    "predictive_parity_difference",
)


@contextmanager
def audit_progress(quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Yield a function that is told what is done and how far; shown on stderr where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as shown:
        tasks: dict[str, Any] = {}

        def tell(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=1.0)
            shown.update(tasks[what], completed=share)

        yield tell


def print_audit(console: Console, record: Mapping[str, Any], folder: Path, files: Sequence[str]) -> None:
    """Print groups and comparisons of every attribute, the gates, and where the files are."""
    decision = record["decision"]
    favourable = decision["positive_name"] if decision["favourable"] == "positive" else decision["negative_name"]
    console.print(f"[bold]{escape(record['data']['title'])}[/bold]: {record['data']['rows']['audited']:,} rows")
    console.print(f"Positive event: {escape(decision['positive_name'])}. Favourable: {escape(favourable)}.")
    for note in record["data"]["notes"]:
        console.print(escape(note))
    for attribute, content in record["fairness"].items():
        console.print(groups_table(attribute, content))
        if record["counts"][attribute]["labelled"]:
            console.print(outcomes_table(attribute, record["counts"][attribute]))
    console.print(comparisons_table(record["fairness"]))
    gates = record["gates"]
    if gates is not None:
        console.print(gates_table(gates))
        style = VERDICT_STYLE[gates["verdict"]]
        console.print(f"Verdict: [{style}]{gates['verdict']}[/{style}] ({escape(gates['reason'])})")
    console.print(f"Written to {escape(str(folder))}: {escape(', '.join(files))}. Digest {record['digest'][:12]}.")


def groups_table(attribute: str, content: Mapping[str, Any]) -> Table:
    """One row per group: rows, and those metrics that some group has."""
    groups = content["groups"]
    shown = {
        name: words
        for name, words in GROUP_METRICS.items()
        if any(group.get(name, {}).get("value") is not None for group in groups.values())
    }
    table = Table(title=escape(attribute), title_justify="left")
    table.add_column("group", overflow="fold")
    for heading in ("rows", *shown.values()):
        table.add_column(heading, justify="right", no_wrap=" " not in heading)
    for name, group in groups.items():
        mark = "" if group["judged"] else " (not judged)"
        table.add_row(escape(name + mark), f"{group['n']:,}", *(_value(group.get(metric)) for metric in shown))
    return table


def outcomes_table(attribute: str, counts: Mapping[str, Any]) -> Table:
    """One row per group: rows by label and decision."""
    table = Table(title=escape(f"{attribute}: rows by outcome"), title_justify="left")
    table.add_column("group", overflow="fold")
    for heading in ("TP", "FP", "FN", "TN"):
        table.add_column(heading, justify="right")
    for name, ((tn, fp), (fn, tp)) in zip(counts["groups"], counts["counts"], strict=True):
        table.add_row(escape(name), *(f"{rows:,}" for rows in (tp, fp, fn, tn)))
    return table


def comparisons_table(fairness: Mapping[str, Any]) -> Table:
    """One row per attribute and comparison, with its interval and the two groups that it is between."""
    table = Table(title="Comparisons between groups", title_justify="left")
    for heading in ("attribute", "comparison", "value", "interval", "lowest", "highest"):
        table.add_column(heading, overflow="fold", justify="right" if heading in ("value", "interval") else "left")
    for attribute, content in fairness.items():
        for name in COMPARISONS:
            found = content.get(name)
            if found is None or (found["value"] is None and "labels" in found["undefined"]):
                continue
            interval = (
                f"{found['lower']:.3f} to {found['upper']:.3f}" if "lower" in found else found.get("undefined", "")
            )
            table.add_row(
                escape(attribute),
                name.replace("_", " "),
                _value(found),
                escape(interval),
                escape(found.get("lowest", "")),
                escape(found.get("highest", "")),
            )
    return table


def _value(measurement: Mapping[str, Any] | None) -> str:
    if measurement is None or measurement["value"] is None:
        return "-"
    return f"{measurement['value']:.3f}"
