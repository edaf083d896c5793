"""`fairmind serve`: the socket, the keeper, one or more processes that serve, and their end in the right order."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from apps.ml.deployment.observation.logs import configure_logs
from apps.ml.deployment.server.announcements import Announcements, LoadingEnd
from apps.ml.deployment.server.application import Application
from apps.ml.deployment.server.held_state import held_state
from apps.ml.deployment.server.http_server import address_of, http_server, listen, run_until_told
from apps.ml.deployment.server.keeper_process import KeeperProcess, keeper_arguments
from apps.ml.deployment.server.process_options import process_options
from apps.ml.deployment.server.settings import ServingSettings
from apps.ml.deployment.server.workers import Workers


def run_server(settings: ServingSettings) -> int:
    """Serve until SIGTERM, SIGINT or SIGHUP; finish the requests that have begun, write down what is left, return 0.

    With several workers the exit code of the first that could not serve is returned.

    Raises
    ------
    BadInputError
        The address cannot be listened on, a setting holds what it cannot mean, or the folder of the state cannot be
        written or is another server's.
    FairMindError
        A model cannot be loaded; see :meth:`ModelSource.load`.
    """
    configure_logs()
    sources = settings.sources()
    listening = listen(settings.host, settings.port)
    address = address_of(listening)
    announcements = Announcements(settings.as_json)
    loading = ", ".join(source.address for source in sources)
    announcements.say("listening", f"Loading {loading}; {address}/readyz tells how far it is", address=address)
    with held_state(settings.state), _keeper(settings):
        if settings.workers == 1:
            _serve(settings, listening, announcements)
            return 0
        work = partial(_work, settings, listening, announcements)
        # Whoever comes while the last answers are given is refused, not left waiting on this process's socket.
        return Workers(settings.workers, work, on_end=listening.close).run()


def _serve(
    settings: ServingSettings,
    listening: socket.socket,
    announcements: Announcements,
    on_serving: Callable[[], None] = lambda: None,
) -> None:
    """Serve in this process; `on_serving`: told once one of several is about to take connections."""
    options = process_options(settings)
    loading_end = LoadingEnd(announcements, address_of(listening))
    try:
        application = Application(settings.sources(), options, loading_end)
        server = http_server(application)
        loading_end.server = server
        if settings.workers > 1:
            # One of several takes no connection that another could answer before it can answer itself.
            application.load()
            loading_end.raise_failure()
            on_serving()
        run_until_told(server, listening)
    finally:
        options.log.close()
    loading_end.raise_failure()


def _work(
    settings: ServingSettings,
    listening: socket.socket,
    announcements: Announcements,
    number: int,
    on_serving: Callable[[], None],
) -> None:
    """Serve as one of several processes; only the first announces what is served."""
    quiet = replace(announcements, is_silent=number > 0)
    _serve(settings, listening, quiet, on_serving)


@contextmanager
def _keeper(settings: ServingSettings) -> Iterator[None]:
    """Keep the prediction log while the servers run, and until it holds everything that they answered."""
    if not settings.log:
        yield
        return
    keeper = KeeperProcess(settings.state, keeper_arguments(settings))
    try:
        yield
    finally:
        keeper.stop()
