"""Requests that are answered where they arrive: whole JSON bodies of rows that fit, without a task of their own.

A task, its messages and their checks cost more than scoring a row does. What is answered here gets the same bytes from
the same parts as by the thorough way; whatever is not the plain case goes that way, once the door has let it in.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from apps.ml.deployment.observation.meter import Meter
from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.response_headers import Headers, completed
from apps.ml.deployment.protection.turned_away import TurnedAwayError
from apps.ml.deployment.requests.caller import Caller
from apps.ml.deployment.requests.refusals import RefusalError, answer_to
from apps.ml.deployment.requests.request_body import JSON_TYPE, is_json

METHOD = "POST"

Plain = Callable[[bytes, Caller], bytes | None]
"""From body and caller to the answer; None where only the thorough way can tell."""


@dataclass(frozen=True)
class Answer:
    """A whole answer: its headers as lines, with the empty one behind them, and its body."""

    status: int
    lines: bytes
    body: bytes


class AtOnce:
    """Answers requests of some paths. `ways`: how each path is answered; its last part is the scope that it needs."""

    def __init__(self, ways: Mapping[str, Plain], door: Door, meter: Meter) -> None:
        self._ways = {path.encode("ascii"): (path, path.rsplit("/", 1)[-1], plain) for path, plain in ways.items()}
        self._door, self._meter = door, meter
        self._lines = _lines([(b"content-type", JSON_TYPE.encode()), *door.security_headers])
        self.paths = frozenset(self._ways)

    def answer(
        self, target: bytes, headers: Mapping[bytes, bytes], body: bytes, address: str | None
    ) -> Answer | Caller:
        """Return the answer to a POST of one of :attr:`paths`, or its admitted caller where it needs the thorough way.

        Parameters
        ----------
        headers
            Names in lower case.
        body
            As a whole.
        address
            Where the request came from.
        """
        start = time.perf_counter()
        path, scope, plain = self._ways[target]
        try:
            caller = self._door.admit(headers, scope, address)
        except TurnedAwayError as refusal:
            return self._refused(refusal, path, refusal.request, start)
        request, leaves = caller.request or "", True
        try:
            content = plain(body, caller) if is_json(headers) else None
            if content is None:
                leaves = False
                return caller
        except Exception as error:  # noqa: BLE001 (every error becomes an answer; unknown ones are logged)
            return self._refused(error, path, request, start)
        finally:
            if leaves:
                self._door.leave()
        lines = b"%bx-request-id: %b\r\ncontent-length: %d\r\n\r\n" % (self._lines, request.encode(), len(content))
        self._meter.request(METHOD, path, HTTPStatus.OK, time.perf_counter() - start)
        return Answer(HTTPStatus.OK, lines, content)

    def _refused(self, error: Exception, path: str, request: str, start: float) -> Answer:
        answer: Response = answer_to(error, path, request)
        if isinstance(error, RefusalError):
            self._meter.refused(error.code)
        headers = completed(answer.raw_headers, self._door.answer_headers(request))
        self._meter.request(METHOD, path, answer.status_code, time.perf_counter() - start)
        return Answer(answer.status_code, _lines(headers) + b"\r\n", bytes(answer.body))


def _lines(headers: Headers) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)
