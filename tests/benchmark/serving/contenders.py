"""Who is measured: how each is started, where it answers and how its scores are read."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmark.serving.material import Material
from tests.workspace import ROOT

OURS = "this server"
MLFLOW_BUNDLE = "MLflow, our model"
MLFLOW_PIPELINE = "MLflow, scikit-learn"
OBVIOUS = "FastAPI, pandas"
ECHO = "echo"
FAIRMIND = (sys.executable, "-m", "apps.ml.command_line")
SCOPES = ("--scope", "predict", "--scope", "explain")

Scores = Callable[[Any], list[float]]


@dataclass(frozen=True)
class Contender:
    """A server. `command` and `ready` hold `{port}`; `scores` reads an answer, None where nothing is scored."""

    name: str
    command: tuple[str, ...]
    path: str
    ready: str
    scores: Scores | None
    environment: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    explain_path: str | None = None


def contenders(material: Material, folder: Path) -> list[Contender]:
    """Return everybody; files that servers keep go below `folder`."""
    return [
        this_server(material.bundle, folder),
        _mlflow(MLFLOW_BUNDLE, material.mlflow_bundle, lambda answer: [row["score"] for row in answer["predictions"]]),
        _mlflow(MLFLOW_PIPELINE, material.mlflow_pipeline, lambda answer: [row[1] for row in answer["predictions"]]),
        Contender(
            OBVIOUS,
            _uvicorn("tests.benchmark.serving.obvious_server:app"),
            "/predict",
            "/openapi.json",
            _scores,
            {"PIPELINE_FILE": str(material.pipeline_file)},
        ),
        Contender(ECHO, _uvicorn("tests.benchmark.serving.echo_server:app"), "/", "/", None),
    ]


def this_server(bundle: Path, folder: Path) -> Contender:
    """Return our server with one worker, a prediction log and required keys; a key is made for it."""
    state = folder / "state"
    state.mkdir(exist_ok=True)
    environment = {
        "FAIRMIND_STATE_DIR": str(state),
        "DATABASE_URL": f"sqlite:///{state / 'fairmind.db'}",
        "FAIRMIND_KEYS": "required",
    }
    command = (*FAIRMIND, "serve", "--model", str(bundle.resolve()), "--port", "{port}")
    key = made_key({**os.environ, **environment})
    headers = {"Authorization": f"Bearer {key}"}
    return Contender(OURS, command, "/v1/predict", "/readyz", _scores, environment, headers, explain_path="/v1/explain")


def made_key(environment: Mapping[str, str]) -> str:
    """Make a key for everything that is asked here, and return its text."""
    command = [*FAIRMIND, "keys", "create", "benchmark", *SCOPES, "--json"]
    done = subprocess.run(command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=True)
    return str(json.loads(done.stdout)["key"])


def _mlflow(name: str, model: Path, scores: Scores) -> Contender:
    command = (sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model), "--port", "{port}")
    options = ("--host", "127.0.0.1", "--env-manager", "local", "--workers", "1")
    # Left on, every worker asks the address of its makers for leave to count it.
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
    return Contender(name, (*command, *options), "/invocations", "/ping", scores, quiet)


def _uvicorn(application: str) -> tuple[str, ...]:
    plain = ("--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning", "--no-access-log")
    return (sys.executable, "-m", "uvicorn", application, *plain)


def _scores(answer: Any) -> list[float]:
    return [prediction["score"] for prediction in answer["predictions"]]
