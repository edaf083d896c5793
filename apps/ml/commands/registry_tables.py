"""How versions and their lineage look on a terminal."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from apps.ml.commands.results import VERDICT_STYLE, gates_table, main_measurement

KEPT_WHOLE = ("version", "aliases", "verdict")


def moment(milliseconds: int) -> str:
    """Return a moment in words: universal time to the minute."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def versions_table(versions: Sequence[Mapping[str, Any]]) -> Table:
    """One row per version."""
    table = Table(title=f"Registered versions: {len(versions)}", title_justify="left")
    for heading in ("model", "version", "aliases", "verdict", "estimator", "main measurement", "made (UTC)"):
        table.add_column(heading, overflow="fold", no_wrap=heading in KEPT_WHOLE)
    for version in versions:
        table.add_row(
            version["model"],
            version["version"],
            "\n".join(version["aliases"]),
            _styled(version["verdict"]),
            version["estimator"],
            main_measurement(version["metrics"]),
            moment(version["created"]),
        )
    return table


def print_version(content: Mapping[str, Any]) -> None:
    """Print a version with its gates."""
    console = Console()
    console.print(versions_table([{**content, "metrics": _values(content["metrics"])}]))
    console.print(gates_table(content["registration"]))
    console.print(f"Evidence {content['evidence']}", soft_wrap=True)
    console.print(f"`fairmind models lineage {content['model']}/{content['version']}` walks back to its origin.")


def _values(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: one["value"] for name, one in metrics.items()}


def print_lineage(content: Mapping[str, Any]) -> None:
    """Print the way back from a version, one fact per row."""
    table = Table(title=f"{content['model']} version {content['version']}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    changed = " (and changes that were not committed)" if content["dirty"] else ""
    rows = {
        "aliases": ", ".join(content["aliases"]),
        "run": content["run_id"],
        "DVC experiments": ", ".join(content["experiments"]),
        "commit": f"{content['commit']}{changed}",
        "dvc.lock": content["dvc_lock"],
        "data": content["data"]["processed"],
        "source of the data": content["data"]["source"],
        **{f"{name} rows": f"{part['rows']}, md5 {part['digest']}" for name, part in content["data"]["rows"].items()},
        "bundle": content["bundle"],
        "evidence": content["evidence"],
        "fingerprint": content["fingerprint"],
        "verdict": content["verdict"],
        **{f"gate {name}": f"{entry['verdict']}: {entry['reason']}" for name, entry in content["gates"].items()},
        **{key.replace("_", " "): value for key, value in content["promotion"].items() if value},
    }
    for name, value in rows.items():
        table.add_row(name, str(value), style=None)
    Console().print(table)


def print_comparison(content: Mapping[str, Any]) -> None:
    """Print what a candidate changes beside the champion: the reason, and one row per gate and guard."""
    console = Console()
    console.print(f"Beside the champion: {content['reason']}.", soft_wrap=True)
    if "gates" in content:
        console.print(gates_table(dict(content)))


def _styled(verdict: str) -> str:
    style = VERDICT_STYLE[verdict]
    return f"[{style}]{verdict}[/{style}]"
