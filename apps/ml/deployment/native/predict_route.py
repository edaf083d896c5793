"""`POST /v1/predict`: the plain case at once and in few steps, all else the thorough way in a thread."""

import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from anyio import CapacityLimiter
from starlette.types import Receive

from apps.ml.deployment.answering.desk import Desk
from apps.ml.deployment.native.plain_answer import AnswerWriter
from apps.ml.deployment.native.plain_request import plain_request
from apps.ml.deployment.native.prediction import ROUTE, ThoroughAnswers, require_few
from apps.ml.deployment.native.prepared import PreparedVersions
from apps.ml.deployment.native.table_answers import TableAnswers
from apps.ml.deployment.requests.caller import Caller
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.requests.request_body import Headers, is_json, not_json, receive_body, require_plain
from apps.ml.deployment.requests.thread_work import in_thread
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.deployment.tables.table_bodies import is_table
from apps.ml.deployment.versions.chosen import Chosen

PATH = "/v1/predict"
LONGEST_SECONDS = 60.0
"""Scoring the most rows that a request may hold takes a small part of this."""

INLINE_BYTES = 64_000
"""Bodies up to this size (some 200 rows, about a millisecond) are answered where they arrive: a thread would cost more,
and its holding Python's lock would delay the others longer."""


class PredictRoute:
    """Answers bodies of predictions: JSON and tables."""

    def __init__(self, desk: Desk, limits: Limits, prepared: PreparedVersions) -> None:
        self._desk, self._limits, self._prepared = desk, limits, prepared
        self._thorough = ThoroughAnswers(desk, limits, prepared)
        self._tables = TableAnswers(desk, limits, prepared)
        self._threads: CapacityLimiter | None = None
        self._running: dict[object, float] = {}

    async def handle(self, headers: Headers, query: bytes, receive: Receive, caller: Caller) -> bytes:
        """Read the body of a request and return the answer; `query`: what stands behind the path's question mark.

        Raises
        ------
        RefusalError
            A body that cannot be read, and all that answering it refuses.
        """
        require_plain(headers)
        body = await receive_body(headers, receive, self._limits)
        if is_json(headers):
            if query:
                raise _said_twice()
            return await self.answer(body, caller)
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        if not is_table(content_type):
            raise not_json()
        return await self._in_thread(partial(self._tables.answer, content_type, query, body, caller))

    async def answer(self, body: bytes, caller: Caller) -> bytes:
        """Return the answer to a body.

        Raises
        ------
        RefusalError
            See :meth:`ThoroughAnswers.answer`.
        """
        if len(body) <= INLINE_BYTES:
            plain = self.plain(body, caller)
            if plain is not None:
                return plain
        return await self._in_thread(partial(self._anyhow, body, caller))

    def at_once(self, body: bytes, caller: Caller) -> bytes | None:
        """Return the answer to a body of the plain case that is not long; None for every other."""
        return self.plain(body, caller) if len(body) <= INLINE_BYTES else None

    def trouble(self) -> str | None:
        """Return that a scoring thread hangs, for /readyz; None where none does."""
        begun = list(self._running.values())
        longest = time.monotonic() - min(begun) if begun else 0.0
        if longest <= LONGEST_SECONDS:
            return None
        return f"A request has been scored for {longest:.0f} s. Start the server again if this does not end."

    def plain(self, body: bytes, caller: Caller) -> bytes | None:
        """Return the answer where the body is the plain case, None where only the thorough way can tell."""
        found = plain_request(self._desk, self._prepared, body, caller, ROUTE)
        if found is None:
            return None
        chosen, prepared, rows = found
        return self._scored(chosen, rows, body, prepared.writer)

    def _scored(self, chosen: Chosen, rows: list[tuple[Value, ...]], body: bytes, writer: AnswerWriter) -> bytes:
        if len(rows) == 1:
            return writer.one(*self._desk.answer_row(chosen, rows[0], body))
        require_few(len(rows), self._limits)
        return writer.many(self._desk.answer_rows(chosen, rows, body))

    async def _in_thread(self, answer: Callable[[], bytes]) -> bytes:
        if self._threads is None:
            self._threads = CapacityLimiter(self._limits.scoring_threads)
        return await in_thread(partial(self._timed, answer), self._threads)

    def _timed(self, answer: Callable[[], bytes]) -> bytes:
        job = object()
        self._running[job] = time.monotonic()
        try:
            return answer()
        finally:
            del self._running[job]

    def _anyhow(self, body: bytes, caller: Caller) -> bytes:
        plain = self.plain(body, caller) if len(body) > INLINE_BYTES else None
        return self._thorough.answer(body, caller) if plain is None else plain


def _said_twice() -> RefusalError:
    message = (
        "A JSON body says all that is asked for; the query is for tables. Put model, version or alias into the body."
    )
    return RefusalError(HTTPStatus.BAD_REQUEST, "query", message)
