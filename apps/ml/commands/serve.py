"""`fairmind serve`: answer prediction requests over HTTP with registered models or bundles."""

import os
from pathlib import Path
from typing import Annotated

import typer

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def serve(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="models:/<name>@<alias>, models:/<name>/<version> or a bundle's folder; repeat it to serve several, "
            "the first answers requests that name none. Default: FAIRMIND_MODEL, else the champion of the data set in "
            "params.yaml.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any that is free.")] = 8080,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            help="What decisions may depend on besides the columns: sensitive_at_prediction, chance. Default: "
            "FAIRMIND_ALLOW, else nothing; a model that needs more is refused.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that answer; about one per processor.")] = 1,
    traffic: Annotated[
        Path | None,
        typer.Option(help="File with the plan of arms and shadows. Default: FAIRMIND_TRAFFIC, else none."),
    ] = None,
    log: Annotated[
        bool, typer.Option("--log/--no-log", help="Write every answer into the prediction log (DATABASE_URL).")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines for machines.")] = False,
) -> None:
    """Answer prediction requests over HTTP with registered models or bundles, until SIGTERM or Ctrl-C.

    Without --no-log every answer is in the prediction log before it is sent. Aliases are followed while it runs. /docs
    on the server shows how to ask. More settings are environment variables: docs/deployment/operating.md.
    """
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    from apps.ml.deployment.server.serving import run_server
    from apps.ml.deployment.server.settings import serving_settings

    settings = serving_settings(
        model or [], allow, host, port, workers=workers, as_json=as_json, log=log, traffic=traffic
    )
    code = run_server(settings)
    if code:
        raise typer.Exit(code)
