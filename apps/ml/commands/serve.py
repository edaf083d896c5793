"""`fairmind serve`: answer prediction requests over HTTP from a registered model."""

import os
from typing import Annotated

import typer

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def serve(
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="models:/<name>@<alias>, models:/<name>/<version> or a bundle's folder. "
            "Default: FAIRMIND_MODEL, else the champion of the data set in params.yaml.",
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines for machines.")] = False,
) -> None:
    """Answer prediction requests over HTTP from a registered model."""
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    from apps.ml.deployment.server.http_server import run_server
    from apps.ml.deployment.versions.model_source import default_address, model_source
    from apps.ml.deployment.versions.serving_policy import serving_policy

    run_server(model_source(model or default_address(), serving_policy(allow)), host, port, as_json)
