"""The model server under Ray Serve: the same application, as many replicas as the cluster is asked for.

`serve run mlops/deployment/ray_serve.yaml` starts it; docs/deployment/ray_serve.md tells how. A replica is a serving
process like one of `fairmind serve`: it has a journal of its own and a keeper beside it, and it takes no request before
its models are loaded and checked.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from apps.ml.deployment.server.application import Application
from apps.ml.deployment.server.keeper_process import KeeperProcess, keeper_arguments
from apps.ml.deployment.server.process_options import process_options
from apps.ml.deployment.server.settings import ServingSettings, serving_settings
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.errors import BadInputError
from apps.ml.telemetry import switch_telemetry_off

EXTRA = "distributed"
NAME = "ModelServer"
"""Of the deployment, by which the configuration sets replicas and resources."""

EVERYWHERE = "0.0.0.0"  # noqa: S104
"""Where proxies of a cluster are taken to listen, so that keys are asked for unless FAIRMIND_KEYS says otherwise."""

ARGUMENTS = ("model", "allow", "log")
ON, OFF = "on", "off"


def replica_application(settings: ServingSettings, on_finished: Callable[[Shelf], None]) -> Application:
    """Return the application of one replica; called in its process."""
    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Application(settings.sources(), process_options(settings), on_finished)


class Replica:
    """An ASGI application that is started once its models are loaded, and writes down what is left when it ends."""

    def __init__(self, settings: ServingSettings) -> None:
        self._loaded = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.application = replica_application(settings, self._note_loaded)
        self._keeper = KeeperProcess(settings.state, keeper_arguments(settings)) if settings.log else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or run the lifespan."""
        if scope["type"] != "lifespan":
            await self.application(scope, receive, send)
            return

        async def send_when_loaded(message: Message) -> None:
            await send(await self._after_loading(message))

        try:
            await self.application(scope, receive, send_when_loaded)
        finally:
            await asyncio.to_thread(self._close)

    def require_serving(self) -> None:
        """Raise :class:`RuntimeError` where no model is left to answer with, so that Ray starts the replica anew."""
        shelf = self.application.shelf
        if shelf.state == "failed" and not shelf.served():
            raise RuntimeError(shelf.reason)

    async def _after_loading(self, message: Message) -> Message:
        """A replica whose models cannot be loaded says so instead of starting."""
        if message["type"] != "lifespan.startup.complete":
            return message
        await self._loaded.wait()
        shelf = self.application.shelf
        if shelf.state == "ready":
            return message
        return {"type": "lifespan.startup.failed", "message": shelf.reason or ""}

    def _note_loaded(self, _: Shelf) -> None:
        self._loop.call_soon_threadsafe(self._loaded.set)

    def _close(self) -> None:
        """Let everything be written down: first the journal ends, then the keeper that reads it."""
        self.application.options.log.close()
        if self._keeper is not None:
            self._keeper.stop()


def model_server(args: Mapping[str, str]) -> Any:
    """Return the Serve application that `serve run` and `serve deploy` build.

    Parameters
    ----------
    args
        `model`: addresses of models, separated by commas; default FAIRMIND_MODEL. `allow`: what decisions may depend on
        besides the columns, separated by commas; default FAIRMIND_ALLOW. `log`: `on` (default) or `off`.

    Raises
    ------
    BadInputError
        Ray Serve is not installed, or an argument means nothing.
    """
    settings = replica_settings(args)
    serve = _ray_serve()

    def build() -> Replica:
        return Replica(settings)

    @serve.ingress(build)
    class ModelServer:
        """What Ray asks about a replica."""

        def check_health(self) -> None:
            """Tell Ray whether this replica can answer."""
            self.app.require_serving()  # type: ignore[attr-defined]

    return serve.deployment(name=NAME)(ModelServer).bind()


def replica_settings(args: Mapping[str, str]) -> ServingSettings:
    """Return the settings of every replica; :class:`BadInputError` for an argument that means nothing."""
    unknown = [name for name in args if name not in ARGUMENTS]
    if unknown:
        raise BadInputError(f"the argument '{unknown[0]}' means nothing here. Give some of: {', '.join(ARGUMENTS)}.")
    if args.get("log", ON) not in (ON, OFF):
        raise BadInputError("the argument 'log' is neither on nor off. Write one of them, in quotation marks.")
    models, allowed = _listed(args.get("model", "")), _listed(args.get("allow", ""))
    return serving_settings(models, allowed or None, EVERYWHERE, 0, log=args.get("log", ON) == ON)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _ray_serve() -> Any:
    switch_telemetry_off()
    try:
        from ray import serve
    except ImportError:
        raise BadInputError(
            f"Ray Serve is not installed. Install the extra: `pip install 'fairmind-ml[{EXTRA}]'`, or serve with "
            "`fairmind serve`."
        ) from None
    return serve
