"""`fairmind evidence`: the registry with its evidence, and audits of files, over HTTP."""

import os
from pathlib import Path
from typing import Annotated

import typer

from apps.ml.commands.serve import THREAD_VARIABLES


def evidence(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any that is free.")] = 8081,
    keys: Annotated[
        str | None,
        typer.Option(help="required or off. Default: FAIRMIND_KEYS, else required where other machines can ask."),
    ] = None,
    workspace: Annotated[
        Path,
        typer.Option(
            file_okay=False,
            exists=True,
            help="Folder with params.yaml and the rows by which a version is compared with the champion.",
        ),
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines for machines.")] = False,
) -> None:
    """Answer for the registry and audit files over HTTP, until SIGTERM or Ctrl-C.

    The tracking store is that of MLFLOW_TRACKING_URI. Keys are made by `fairmind keys create NAME --scope evidence`;
    `promote` and `audit` are further scopes. docs/api/evidence_service.md lists the routes.
    """
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    from apps.ml.evidence_service.serving import run_evidence_service
    from apps.ml.evidence_service.settings import EvidenceSettings

    run_evidence_service(EvidenceSettings(host, port, keys, workspace, as_json))
