"""`fairmind serve` as a real process with a state folder and a database of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

COMMAND = [sys.executable, "-m", "apps.ml.command_line", "serve", "--json"]
PATIENCE_SECONDS = 120
"""For one answer of a server on a slow machine."""

END_SECONDS = 240
"""A server may take a grace for requests that have begun, and a minute for its keeper."""

# Started with nohup, tests would hand an ignored SIGHUP on to the servers that they start.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@dataclass
class ServedProcess:
    """A server that was started; `home` holds its state and, by default, its SQLite database."""

    process: "subprocess.Popen[str]"
    home: Path
    address: str = ""

    def next_event(self) -> dict[str, Any]:
        """Return the next line that the command prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the server ended; its log is {self.home / 'stderr.log'}"
        event: dict[str, Any] = json.loads(line)
        return event

    def wait_until_ready(self) -> dict[str, Any]:
        """Read the announcements up to `ready` and return that one."""
        self.address = self.next_event()["address"]
        ready = self.next_event()
        assert ready["event"] == "ready", ready
        return ready

    def client(self, **options: Any) -> httpx.Client:
        """Return a client of the server."""
        return httpx.Client(base_url=self.address, timeout=PATIENCE_SECONDS, **options)

    def end(self, number: int | None = None) -> int:
        """End the server by a signal (None: SIGTERM) and return its exit code."""
        if number is None:
            self.process.terminate()
        else:
            self.process.send_signal(number)
        return self.process.wait(END_SECONDS)


def server_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which a server keeps everything below `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FAIRMIND_", "DATABASE_"))}
    own = {"FAIRMIND_STATE_DIR": str(home / "state"), "DATABASE_URL": f"sqlite:///{home / 'log.db'}"}
    return {**kept, **own, **(extra or {})}


@contextmanager
def served_process(
    home: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[ServedProcess]:
    """Start the command on a free port; it is ended whatever happens."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "stderr.log").open("a") as log:
        process = subprocess.Popen(
            [*COMMAND, "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=server_environment(home, environment),
        )
    with process:
        try:
            yield ServedProcess(process, home)
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(END_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
