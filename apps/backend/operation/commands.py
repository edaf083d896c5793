"""The operator's commands: serving, tables, the audit log's chain, the interface in a file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from fastapi import FastAPI

from apps.backend.operation import audit_log_commands, migrate_commands
from apps.backend.operation.command_output import EXIT_DIFFERENT, Json, end_with, tell
from apps.backend.operation.interface_file import COMMAND, PATH, differences, interface_text
from apps.backend.operation.serving import Announcements, serve
from apps.backend.settings import Settings, settings_of

MOST_TOLD = 20
NOWHERE = Settings(database="postgresql://127.0.0.1:9/nowhere")
"""The interface is the same whatever the settings are, and nothing is connected to for it."""


def register(app: typer.Typer, create: Callable[[Settings], FastAPI]) -> None:
    """Add the commands to the command line; `create` makes the application out of its settings."""
    app.add_typer(migrate_commands.app, name="migrate")
    app.add_typer(audit_log_commands.app, name="audit-log")

    @app.command("serve")
    def serve_backend(
        host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
        port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any that is free.")] = 8000,
        as_json: Json = False,
    ) -> None:
        """Answer requests until SIGTERM or Ctrl-C; settings are environment variables: docs/deployment/backend.md."""
        serve(settings_of(), create, host, port, Announcements(as_json))

    @app.command("openapi")
    def write_interface(
        output: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it.")] = PATH,
        check: Annotated[
            bool, typer.Option("--check", help="Write nothing; exit code 1 where the file differs.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Write the OpenAPI document of this version, from which clients are made."""
        made = interface_text(create(NOWHERE))
        if not check:
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(made, encoding="utf-8")
            tell({"file": str(output), "written": True}, f"Wrote {output}.", as_json)
            return
        written = json.loads(output.read_text(encoding="utf-8")) if output.exists() else {}
        found = differences(written, json.loads(made))
        text = "\n".join(found[:MOST_TOLD]) + f"\n`{COMMAND}` writes it." if found else f"{output} is up to date."
        tell({"file": str(output), "differences": found}, text, as_json)
        end_with(EXIT_DIFFERENT if found else 0)
