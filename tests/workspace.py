"""A copy of this repository in a temporary folder, with its own history, in which DVC may run for real."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
NOT_INHERITED = (
    "MLFLOW_TRACKING_URI",
    "DVC_ROOT",
    "DVC_STAGE",
    "DVC_EXP_NAME",
    "DVC_EXP_BASELINE_REV",
    "FAIRMIND_MODEL",
)
COMMAND_TIMEOUT_SECONDS = 3600


@dataclass(frozen=True)
class Workspace:
    """A working copy at `root`; commands run there with the environment of the tests first on the path."""

    root: Path

    def run(self, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the root; with `check`, a failure shows what the command printed.

        `fairmind` is started as a module, so that it takes its code and declarations from this copy.
        """
        module = (sys.executable, "-m", "apps.ml.command_line")
        done = subprocess.run(
            (*module, *command[1:]) if command[0] == "fairmind" else command,
            cwd=self.root,
            env=_environment() | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *command: str, **environment: str) -> Any:
        """Run a command that prints JSON and return it."""
        return json.loads(self.run(*command, check=True, **environment).stdout)

    def read_json(self, path: str) -> Any:
        """Read one JSON file below the root."""
        return json.loads((self.root / path).read_text(encoding="utf-8"))

    def commit(self, message: str) -> None:
        """Commit everything that is not ignored."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", message)

    def edit_parameters(self, **changes: Any) -> None:
        """Set parameters by dotted path (dots written as two underscores)."""
        path = self.root / "params.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for dotted, value in changes.items():
            *sections, key = dotted.split("__")
            place = content
            for section in sections:
                place = place[section]
            place[key] = value
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def stages_run(self, output: str) -> list[str]:
        """Return the names of the stages that `dvc repro` says it ran."""
        return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage '")]


def _environment() -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if key not in NOT_INHERITED}
    binaries = str(Path(sys.executable).parent)
    data = os.environ.get("FAIRMIND_DATA_DIR")
    return inherited | {
        "PATH": f"{binaries}{os.pathsep}{inherited['PATH']}",
        "GIT_AUTHOR_NAME": "Tester",
        "GIT_AUTHOR_EMAIL": "tester@example.org",
        "GIT_COMMITTER_NAME": "Tester",
        "GIT_COMMITTER_EMAIL": "tester@example.org",
        **({"FAIRMIND_DATA_DIR": str((ROOT / data).resolve())} if data else {}),
    }


def copy_of_repository(target: Path) -> Workspace:
    """Copy every file that Git tracks or would track into `target` and commit it there."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    workspace = Workspace(target)
    workspace.run("git", "init", "--quiet", "--initial-branch", "main")
    workspace.commit("Start")
    return workspace


def make_small(workspace: Workspace, rows: int = 1500) -> None:
    """Shrink the default data set and the costly parameters, drop the committed results, and commit."""
    declaration = workspace.root / "apps/ml/data/datasets/loan_applications.yaml"
    content = yaml.safe_load(declaration.read_text(encoding="utf-8"))
    content["source"]["rows"] = rows
    content.get("expectations", {}).pop("rows_at_least", None)
    declaration.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    workspace.edit_parameters(
        model_evaluation__bootstrap_replicates=100,
        model_evaluation__explanations={
            "background_rows": 50,
            "global_rows": 50,
            "local_rows": 2,
            "lime_samples": 200,
            "lime_repeats": 2,
            "top_features": 5,
        },
        model_training__estimators__lightgbm__n_estimators=40,
    )
    shutil.rmtree(workspace.root / "reports", ignore_errors=True)
    (workspace.root / "dvc.lock").unlink(missing_ok=True)
    workspace.commit("Make the data set small")
