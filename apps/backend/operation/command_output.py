"""How the commands of this folder print and end: texts for people, one JSON document per event for machines."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
EXIT_DIFFERENT = 1
"""What was looked at is not as it should be: a broken chain, an interface that is not the written one."""


def tell(content: Mapping[str, Any], text: str, as_json: bool) -> None:
    """Print a result on stdout."""
    print(json.dumps(content, ensure_ascii=False) if as_json else text)


def end_with(code: int) -> None:
    """End the command with an exit code, unless that is 0."""
    if code:
        raise typer.Exit(code)
