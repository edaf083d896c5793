"""The command, in this process and in one of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from apps.backend.command_line import main
from apps.backend.tests.product import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[4]
COMMAND = (sys.executable, "-m", "apps.backend.command_line")
GRACIOUS = f"""
from apps.backend.command_line import main
from apps.backend.operation import serving
serving.GRACE_SECONDS = {PATIENCE_SECONDS:.0f}
main()
"""
"""The command, which gives requests longer than ten seconds to end."""


def environment(folder: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a backend whose files are below `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FAIRMIND")}
    return {**kept, "PYTHONPATH": str(ROOT), **own_variables(folder), **changes}


def own_variables(folder: Path) -> dict[str, str]:
    """Return the settings of a backend whose files are below `folder` and whose upstreams are nowhere."""
    return {
        "DATABASE_URL": f"sqlite:///{folder / 'backend.db'}",
        "FAIRMIND_BACKEND_STATE_DIR": str(folder / "state"),
        "FAIRMIND_MODEL_SERVER_URL": "http://127.0.0.1:9",
        "FAIRMIND_EVIDENCE_URL": "http://127.0.0.1:9",
    }


Run = Callable[..., tuple[int, str, str]]


def runner(folder: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> Run:
    """Return what runs a command in this process, in `folder`: its exit code, stdout and stderr."""
    patch.chdir(folder)
    for name, value in own_variables(folder).items():
        patch.setenv(name, value)

    def command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return command


@dataclass
class Served:
    """A backend that serves. `events`: what it announced so far."""

    process: "subprocess.Popen[str]"
    address: str
    events: list[dict[str, Any]]
    rest: list[str] = field(default_factory=list)

    def tell(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> tuple[int, list[dict[str, Any]], list[dict[str, Any]]]:
        """Wait for the end; return the exit code, the later events and the lines of the log."""
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        later = [json.loads(line) for line in out.splitlines()]
        return self.process.returncode, later, [json.loads(line) for line in err.splitlines()]


@contextmanager
def serving(folder: Path, *arguments: str, command: tuple[str, ...] = COMMAND, **changes: str) -> Iterator[Served]:
    """Serve on a free port until told; a process that is still there is killed."""
    process = subprocess.Popen(
        [*command, "serve", "--port", "0", "--json", *arguments],
        cwd=folder,
        env=environment(folder, **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        events: list[dict[str, Any]] = []
        assert process.stdout is not None
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "ready":
                break
        is_ready = bool(events) and events[-1]["event"] == "ready"
        assert is_ready, process.stderr.read() if process.stderr else ""
        yield Served(process, str(events[-1]["address"]), events)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
