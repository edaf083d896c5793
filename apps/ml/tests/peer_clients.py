"""The clients of other servers, in an environment of their own: their pins disagree with ours.

The environment is made once from `mlops/environment/peer_clients.requirements.lock` and kept in the cache folder under
the digest of that lock. Where it cannot be made, `why_no_peer_clients` says so and the tests skip.
"""

import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from apps.ml.data.sources.cache import cache_folder

LOCK = Path(__file__).parents[3] / "mlops" / "environment" / "peer_clients.requirements.lock"
SETTINGS = {"UV_NO_CONFIG": "1", "UV_NO_PROGRESS": "1", "UV_SYSTEM_CERTS": "1"}
LONGEST_SHOWN = 300
SECONDS_TO_MAKE = 1800
SECONDS_TO_RUN = 600


@functools.cache
def why_no_peer_clients() -> str | None:
    """Return why the environment cannot be made here, None once it is there."""
    folder = _folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        return None if folder.exists() else _made(folder)


def run_peer_client(script: Path, request: Any) -> Any:
    """Run a script with a peer's client; it reads a JSON document and writes one.

    Raises
    ------
    RuntimeError
        The script failed; the message holds what it wrote.
    """
    command = [str(_folder() / "bin" / "python"), "-I", str(script)]
    done = subprocess.run(
        command, input=json.dumps(request), capture_output=True, text=True, timeout=SECONDS_TO_RUN, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def _folder() -> Path:
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    return cache_folder() / f"peer_clients-{digest}"


def _made(folder: Path) -> str | None:
    """Make the environment beside its place and move it there whole; return why that failed, None if it did not."""
    uv = shutil.which("uv")
    if uv is None:
        return "uv is not on the PATH"
    new = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    python = str(new / "bin" / "python")
    commands = (
        [uv, "venv", "--quiet", "--relocatable", "--allow-existing", "--python", sys.executable, str(new)],
        [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(LOCK)],
    )
    try:
        for command in commands:
            subprocess.run(
                command, env=os.environ | SETTINGS, capture_output=True, text=True, timeout=SECONDS_TO_MAKE, check=True
            )
        new.rename(folder)
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(new, ignore_errors=True)
        reason = str(getattr(error, "stderr", "") or error).strip()[:LONGEST_SHOWN]
        return f"the environment of peers' clients cannot be made: {reason}"
    return None
