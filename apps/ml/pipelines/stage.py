"""How every stage starts and ends: the right code, one line per error, an exit code that means something."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import apps
from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import BadInputError, FairMindError


def run_stage(main: Callable[[ArtifactPaths], None]) -> None:
    """Run a stage's `main` in the current directory and leave the process with the error's exit code, if any."""
    try:
        _require_code_of_this_workspace()
        main(ArtifactPaths())
    except FairMindError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _require_code_of_this_workspace() -> None:
    """Refuse to run code from elsewhere: a queued experiment works in a copy and must run the copy's code."""
    code = Path(apps.__file__).resolve()
    workspace = Path.cwd().resolve()
    if os.environ.get("DVC_STAGE") and workspace not in code.parents:
        raise BadInputError(
            f"the stage would run the code at {code.parent}, outside the workspace {workspace}. "
            "Start it as `python -m apps.ml.pipelines.<stage>` from the workspace's root."
        )
