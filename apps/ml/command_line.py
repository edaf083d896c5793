"""The `fairmind` command: every subcommand has `--help`, `--json` for machines and an exit code that means something.

Exit codes: 0 done or gates passed, 1 gates failed or a difference found, 2 bad input, 3 inconclusive,
4 service unreachable.
"""

import importlib
import json
import sys
from collections.abc import Sequence

import typer

from apps.ml.errors import FairMindError

GROUPS = {
    "datasets": "What is declared, fetched and valid.",
    "keys": "API keys of the model server and the evidence service, and what was administered.",
    "log": "The prediction log: shown, exported, replayed, erased, pruned.",
    "models": "The registry: versions, aliases, gates, lineage.",
    "runs": "Tracked runs: listed, side by side, made again.",
}
SINGLE_COMMANDS = {
    "audit": "Fairness audit of the decisions in a CSV or Parquet file; no model needed.",
    "evidence": "Serve the registry with its evidence, and audits of files, over HTTP.",
    "results": "What the pipeline measured last, as one table.",
    "score": "Score a file that may be larger than memory, with the numbers that the server gives.",
    "serve": "Answer prediction requests over HTTP with registered models or bundles.",
    "simulate": "Does the inference keep its promises? Coverage, false alarms and power, counted.",
    "tune": "Search better options of an estimator by cross-validation.",
}


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """Return the command line; only the subcommand that `arguments` ask for is imported, so that `--help` is quick."""
    asked = next((argument for argument in arguments if not argument.startswith("-")), None)
    app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, help=__doc__)
    app.callback()(fairmind)
    for name, description in GROUPS.items():
        group = importlib.import_module(f"apps.ml.commands.{name}").app if name == asked else _listed_only()
        app.add_typer(group, name=name, help=description)
    for name, description in SINGLE_COMMANDS.items():
        command = getattr(importlib.import_module(f"apps.ml.commands.{name}"), name) if name == asked else fairmind
        # A command that was asked for explains itself; the list of all needs its line alone.
        app.command(name, short_help=description)(command)
    return app


def fairmind() -> None:
    """Machine learning whose every model version ships with its evidence."""


def _listed_only() -> typer.Typer:
    """A group that appears in `--help` and has no commands of its own."""
    group = typer.Typer()
    group.callback()(fairmind)
    return group


def main() -> None:
    """Run the command line; an error that was raised on purpose becomes one message and its exit code."""
    try:
        build_app(sys.argv[1:])()
    except FairMindError as error:
        report_error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)


def report_error(error: FairMindError, as_json: bool) -> None:
    """Print an error for people on stderr or, with `--json`, for machines on stdout."""
    if as_json:
        findings = [finding.__dict__ for finding in getattr(error, "findings", ())]
        print(json.dumps({"error": str(error), "exit_code": error.exit_code, "findings": findings}))
    else:
        print(f"error: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
