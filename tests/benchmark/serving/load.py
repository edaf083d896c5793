"""Sending one body again and again over some connections: by wrk where it is installed, else by asyncio."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmark.serving import asyncio_load

SCRIPT = Path(__file__).with_name("post.lua")
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Measured:
    """One stretch of load. `p50`, `p99`: milliseconds; `refused`: answers that were errors; `lost`: no answer."""

    requests: int
    seconds: float
    p50: float
    p99: float
    refused: int
    lost: int

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds


def load_tool() -> str:
    """Return what sends the load here."""
    return "wrk" if shutil.which("wrk") else "asyncio client of this benchmark (wrk is not installed)"


def send(address: str, body: bytes, headers: Mapping[str, str], connections: int, seconds: float) -> Measured:
    """Send `body` to `address` for some seconds, each connection waiting for its answer before it asks again."""
    headers = {"Content-Type": "application/json", **headers}
    if shutil.which("wrk") is None:
        found = asyncio.run(asyncio_load.send(address, body, headers, connections, seconds))
        return Measured(*found)
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        lines = "\n".join(f"{name}: {value}" for name, value in headers.items())
        options = ("-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", f"--timeout={TIMEOUT_SECONDS}s")
        done = subprocess.run(
            ["wrk", *options, "-s", str(SCRIPT), address],
            env={**os.environ, "BODY_FILE": file.name, "HEADERS": lines},
            capture_output=True,
            text=True,
            check=True,
        )
    return Measured(**json.loads(done.stdout.splitlines()[-1]))
