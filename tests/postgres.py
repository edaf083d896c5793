"""A real PostgreSQL for tests: a server of its own on 127.0.0.1 and a free port, in a temporary folder.

PostgreSQL refuses to run as root; where the tests do, the server runs as the user `postgres` (or `nobody`). Where the
binaries or such a user are missing, `why_no_postgres` says so and the tests skip.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARIES = ("initdb", "pg_ctl", "postgres")
UNPRIVILEGED = ("postgres", "nobody")
DATABASE_USER = "tester"
INITDB_OPTIONS = ("--no-sync", "--lc-messages=C")
SECONDS_TO_START = 300
SECONDS_TO_STOP = 120
TRIES = 5
"""A port that was free may be taken by another process before the server has it: then there is another one."""


def why_no_postgres() -> str | None:
    """Return why no server can be started here, None where one can."""
    missing = [name for name in BINARIES if shutil.which(name) is None]
    if missing:
        return f"PostgreSQL's {', '.join(missing)} are not on the PATH"
    if os.geteuid() == 0 and (_other_user() is None or shutil.which("runuser") is None):
        return "PostgreSQL does not run as root, and there is no other user to run it as"
    return None


@contextmanager
def running_postgres() -> Iterator[str]:
    """Yield the address `postgresql://…` of an empty database; the server is stopped and removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="fairmind-postgres-"))
    user = _other_user() if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    try:
        _run(user, "initdb", "-D", str(folder / "data"), "-A", "trust", "-U", DATABASE_USER, *INITDB_OPTIONS)
        yield f"postgresql://{DATABASE_USER}@127.0.0.1:{_started(user, folder)}/postgres"
    finally:
        _stop(folder / "data" / "postmaster.pid")
        shutil.rmtree(folder, ignore_errors=True)


def _other_user() -> str | None:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in UNPRIVILEGED if name in known), None)


def _started(user: str | None, folder: Path) -> int:
    """Start the server and return its port."""
    waiting = ("-w", "-t", str(SECONDS_TO_START), "-l", str(folder / "log"))
    for tries_left in reversed(range(TRIES)):
        port = _free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        try:
            _run(user, "pg_ctl", "-D", str(folder / "data"), *waiting, "-o", options, "start")
        except subprocess.CalledProcessError:
            if not tries_left or not _is_taken(folder / "log"):
                raise
        else:
            return port
    raise AssertionError("the last try returns or raises")


def _is_taken(log: Path) -> bool:
    return log.exists() and "could not create any TCP/IP sockets" in log.read_text(encoding="utf-8", errors="replace")


def _run(user: str | None, command: str, *arguments: str) -> None:
    found = shutil.which(command) or command
    before = [] if user is None else ["runuser", "-u", user, "--"]
    # Output goes nowhere: the server keeps the streams of whoever started it.
    subprocess.run(
        [*before, found, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
    )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _stop(pid_file: Path) -> None:
    """Ask the server to end, by its own process id, and wait until its file is gone."""
    if not pid_file.exists():
        return
    os.kill(int(pid_file.read_text(encoding="utf-8").splitlines()[0]), signal.SIGINT)
    deadline = time.monotonic() + SECONDS_TO_STOP
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
