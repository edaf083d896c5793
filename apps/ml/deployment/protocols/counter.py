"""The counter where all protocols hand in: it reads the body, asks the desk and says which version answered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

import pandas as pd
from anyio import CapacityLimiter
from starlette.requests import Request

from apps.ml.deployment.answering.desk import Answered, Desk
from apps.ml.deployment.requests.caller import Asked, Caller, caller_of
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.request_body import Headers, receive_body, require_plain
from apps.ml.deployment.requests.thread_work import in_thread
from apps.ml.deployment.versions.chosen import Chosen
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.shelf import Shelf

INLINE_BYTES = 2_000
"""Bodies up to this size (some 20 rows, 2 ms) are answered where they arrive: a thread costs a tenth more."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Received:
    """A body with its headers (names in lower case), and who sent it."""

    headers: Headers
    body: bytes
    caller: Caller

    def header(self, name: str) -> str | None:
        """Return a header, None where it is absent."""
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("latin-1")

    @property
    def content_type(self) -> str:
        """The header Content-Type, empty where it is absent."""
        return self.header("content-type") or ""


class Counter:
    """Shared by the routes of all protocols; `why_not_ready` returns None where predictions are answered."""

    def __init__(
        self, desk: Desk, shelf: Shelf, limits: Limits, why_not_ready: Callable[[], str | None] | None = None
    ) -> None:
        self.shelf, self.limits = shelf, limits
        self.why_not_ready = why_not_ready or self._why_not_ready
        self._desk = desk
        self._threads: CapacityLimiter | None = None

    async def receive(self, request: Request) -> Received:
        """Return the body of a request.

        Raises
        ------
        RefusalError
            400 empty, 408 too slow, 413 too large, 415 compressed.
        """
        headers = dict(request.headers.raw)
        require_plain(headers)
        body = await receive_body(headers, request.receive, self.limits)
        return Received(headers, body, caller_of(request))

    async def work(self, size: int, work: Callable[[], Result]) -> Result:
        """Return what `work` on a body of `size` bytes gives, done in a thread unless the body is small."""
        if size <= INLINE_BYTES:
            return work()
        if self._threads is None:
            self._threads = CapacityLimiter(self.limits.scoring_threads)
        return await in_thread(work, self._threads)

    def choose(self, caller: Caller, route: str, model: str | None = None, version: str | None = None) -> Chosen:
        """Return the version that answers; :class:`RefusalError` 404 or 503 where there is none."""
        return self._desk.choose(_asked(caller, route, model, version))

    def answer(self, chosen: Chosen, frame: pd.DataFrame) -> Answered:
        """Return scores, decisions and names of a frame that fits the chosen version."""
        return self._desk.answer_frame(chosen, frame)

    def described(self, model: str, version: str | None = None) -> ServedModel:
        """Return a version to tell about; :class:`RefusalError` 404 or 503 where it is not served."""
        return self.shelf.choose(_asked(Caller(), "description", model, version)).model

    def _why_not_ready(self) -> str | None:
        if self.shelf.state != "ready":
            return self.shelf.reason or "No model is loaded."
        return self._desk.log.trouble()


def _asked(caller: Caller, route: str, model: str | None, version: str | None) -> Asked:
    """Take what stands in a path for a model apart: a name, or `name@alias` as in the registry's addresses."""
    name, _, alias = (model or "").partition("@")
    return Asked(caller, route, name or None, version, alias or None)


def lineage(answered: Answered) -> dict[str, str]:
    """Return headers that name what answered, for protocols whose bodies have no place for it.

    `X-FairMind-Prediction` names the first row's prediction; the others differ from it in their last four digits, which
    count the rows from 0000.
    """
    model = answered.model
    named = {
        "X-FairMind-Model": model.name,
        "X-FairMind-Version": model.version,
        "X-FairMind-Evidence": model.evidence,
        "X-FairMind-Prediction": answered.ids[0],
    }
    return {name: quote(value, safe=" ") for name, value in named.items() if value is not None}
