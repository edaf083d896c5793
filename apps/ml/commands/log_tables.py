"""How the prediction log looks on a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from apps.ml.commands.registry_tables import moment

HEADINGS = ("model", "version", "arm", "route", "calls", "answers", "labelled", "erased calls", "first", "last (UTC)")


def print_summary(content: Mapping[str, Any]) -> None:
    """Print the counts of `fairmind log show`."""
    console = Console()
    table = Table(title="Answers", title_justify="left")
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold")
    for one in content["served"]:
        counts = (one["calls"], one["predictions"], one["labelled"], one["erased_calls"])
        moments = (moment(one["first_at"] // 1000), moment(one["last_at"] // 1000))
        names = (one["model"], one["version"] or "(folder)", one["arm"] or "", one["route"])
        table.add_row(*names, *map(str, counts), *moments)
    console.print(table)
    unmatched = f", {content['unmatched']} of them of unknown predictions" if content["unmatched"] else ""
    print(f"Labels: {content['labelled']} predictions{unmatched}; {content['reports']} reports.")
    if content["rejected"]:
        print(f"Not stored: {', '.join(f'{count} {reason}' for reason, count in content['rejected'].items())}.")
    if content["erasures"]:
        print(f"Erased: {', '.join(f'{count} × {kind}' for kind, count in content['erasures'].items())}.")
    print(_writer(content["writer"]))


def _writer(status: Mapping[str, Any] | None) -> str:
    if status is None:
        return "Writer: has not run for this folder of state (FAIRMIND_STATE_DIR)."
    if status["silent_seconds"] is not None:
        return f"Writer: silent for {status['silent_seconds']:.0f} s. Start the server."
    error = f"; the database does not take it ({status['error']})" if status["error"] else ""
    return f"Writer: {status['lag_seconds']:.1f} s behind, {status['waiting_bytes']} bytes wait{error}."
