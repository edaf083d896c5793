"""The three processes of the product, started in order, told to each other, and ended in the reverse order."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.backend.settings import DATABASE_VARIABLE, EVIDENCE_VARIABLE, MODEL_SERVER_VARIABLE, STATE_VARIABLE

END_SECONDS = 30
FAIRMIND = (sys.executable, "-m", "apps.ml.command_line")
BACKEND = (sys.executable, "-m", "apps.backend.command_line")


class NotStartedError(Exception):
    """A process ended before it was ready; the message names it and says where to look."""


@dataclass
class Process:
    """One process of the stack. `command` has no port yet: once it listens, it always comes back at its address."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    folder: Path
    root: Path | None
    port: int
    running: "subprocess.Popen[str] | None" = None

    def start(self) -> str:
        """Start it and return its address once it is ready.

        Raises
        ------
        NotStartedError
            It ended before.
        """
        command = [*self.command, "--port", str(self.port), "--json"]
        with self._log.open("a", encoding="utf-8") as errors:
            self.running = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        for line in self.running.stdout or ():
            event = json.loads(line)
            if event["event"] == "ready":
                address = str(event["address"])
                self.port = int(address.rsplit(":", 1)[1])
                return address
        raise NotStartedError(f"The {self.name} ended before it was ready. Read {self._log}.")

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.running is not None:
            self.running.kill()
            self._wait()

    def end(self) -> None:
        """Let it finish what it has begun, and wait."""
        if self.running is not None:
            self.running.terminate()
            self._wait()

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name.replace(' ', '_')}.log"

    def _wait(self) -> None:
        if self.running is None:
            return
        try:
            self.running.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()
        if self.running.stdout is not None:
            self.running.stdout.close()
        self.running = None


@dataclass
class Stack:
    """The running processes, their addresses, and the environment of the backend and its commands."""

    environment: dict[str, str]
    model_server: str
    evidence: str
    backend: str
    processes: dict[str, Process]

    def command(self, *arguments: str) -> Any:
        """Run a command of the backend that prints JSON, over the stack's database, and return what it prints.

        Raises
        ------
        subprocess.CalledProcessError
            It failed.
        """
        done = subprocess.run(
            [*BACKEND, *arguments, "--json"], env=self.environment, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)


@dataclass(frozen=True)
class Ports:
    """Where the processes listen; 0: any port that is free."""

    backend: int = 0
    model_server: int = 0
    evidence: int = 0


@contextmanager
def running_stack(
    folder: Path,
    ports: Ports = Ports(),
    extra: Mapping[str, str] | None = None,
    serve: Sequence[str] = (),
    root: Path | None = None,
) -> Iterator[Stack]:
    """Run the product; everything it keeps goes below `folder`.

    Parameters
    ----------
    extra
        More environment for all three processes.
    serve
        More options of `fairmind serve`.
    root
        The folder in which the processes run, whose tracking store they use; None: the present one.

    Raises
    ------
    NotStartedError
        One of them did not become ready.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **_places(folder), **(extra or {})}
    log = {**environment, DATABASE_VARIABLE: f"sqlite:///{folder / 'prediction_log.db'}"}
    server = Process("model server", (*FAIRMIND, "serve", *serve), log, folder, root, ports.model_server)
    evidence = Process("evidence service", (*FAIRMIND, "evidence"), log, folder, root, ports.evidence)
    with ExitStack() as ending:

        def started(process: Process) -> str:
            ending.callback(process.end)
            return process.start()

        environment |= {MODEL_SERVER_VARIABLE: started(server), EVIDENCE_VARIABLE: started(evidence)}
        backend = Process("backend", (*BACKEND, "serve"), environment, folder, root, ports.backend)
        yield Stack(
            environment=environment,
            model_server=environment[MODEL_SERVER_VARIABLE],
            evidence=environment[EVIDENCE_VARIABLE],
            backend=started(backend),
            processes={process.name: process for process in (server, evidence, backend)},
        )


def _places(folder: Path) -> dict[str, str]:
    return {
        DATABASE_VARIABLE: f"sqlite:///{folder / 'backend.db'}",
        "FAIRMIND_STATE_DIR": str(folder / "model_server"),
        STATE_VARIABLE: str(folder / "backend"),
    }
