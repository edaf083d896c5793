"""Bodies of requests: bounded in size and time, and read before anybody waits for them.

A body of JSON is read whole, so that what stands behind gets it at once or not at all. A file is not: it is bounded as
it is read, and only a known caller may begin to send one. Paths that take files are those which the interface describes
so.
"""

import asyncio
from http import HTTPStatus
from typing import Protocol

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.backend.identity.authenticator import Authenticator
from apps.backend.problems import ProblemError, unavailable
from apps.backend.protection.interface import JSON_TYPE, Interface
from apps.backend.protection.json_text import require_storable

MOST_JSON_BYTES = 1 << 20
BODY_SECONDS = 20.0
UPLOAD_SECONDS = 900.0
MOST_UPLOADS = 8
FORM_BYTES = 65_536
"""What a form may need around the file that it holds."""


class HasAuthenticator(Protocol):
    """What tells who asks, as the backend's parts have it."""

    @property
    def authenticator(self) -> Authenticator:
        """From secrets to callers."""


class BodyBounds:
    """Refuses bodies that are too large (413) or too slow (408), and more than :data:`MOST_UPLOADS` files at once.

    `body_seconds`: for a whole body of JSON, and for each next piece of a file; `upload_seconds`: for a whole file.
    """

    body_seconds = BODY_SECONDS
    upload_seconds = UPLOAD_SECONDS

    def __init__(self, app: ASGIApp, interface: Interface, upload_bytes: int, parts: HasAuthenticator) -> None:
        self.app = app
        self._interface, self._upload_bytes, self._parts = interface, upload_bytes + FORM_BYTES, parts
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            await self.app(scope, receive, send)
        elif _is_json(headers) or not self._interface.takes_files(scope["method"], scope["path"]):
            body = await self._whole(headers, receive)
            require_storable(body)
            await self.app(scope, _replayed(body, receive), send)
        else:
            await self._serve_upload(scope, headers, receive, send)

    async def _whole(self, headers: Headers, receive: Receive) -> bytes:
        """Return a whole body."""
        bounded = _Counted(receive, headers, MOST_JSON_BYTES)
        content = bytearray()
        try:
            async with asyncio.timeout(self.body_seconds):
                while bounded.has_more:
                    message = await bounded()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    content += message.get("body", b"")
        except TimeoutError:
            raise _slow(self.body_seconds) from None
        return bytes(content)

    async def _serve_upload(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        await self._parts.authenticator.caller(_secret_of(headers))
        if self._uploads >= MOST_UPLOADS:
            raise unavailable("busy", "As many files as may be are being received. Send this one again later.", 5.0)
        bounded = _Counted(receive, headers, self._upload_bytes)
        end = asyncio.get_running_loop().time() + self.upload_seconds

        async def timed() -> Message:
            if not bounded.has_more:
                return await receive()
            patience = min(self.body_seconds, end - asyncio.get_running_loop().time())
            try:
                async with asyncio.timeout(patience):
                    return await bounded()
            except TimeoutError:
                raise _slow(patience) from None

        self._uploads += 1
        try:
            await self.app(scope, timed, send)
        finally:
            self._uploads -= 1


class _Counted:
    """Receives a body that may hold `most` bytes."""

    def __init__(self, receive: Receive, headers: Headers, most: int) -> None:
        self._receive, self._most, self._left = receive, most, most
        self.has_more = True
        announced = headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and (len(announced) > len(str(most)) or int(announced) > most):
            raise self._too_large()

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise self._too_large()
        self.has_more = bool(message.get("more_body", False))
        return message

    def _too_large(self) -> ProblemError:
        detail = f"The body is larger than {self._most} bytes. Send less at a time."
        return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)


def _replayed(body: bytes, receive: Receive) -> Receive:
    is_given = False

    async def give() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return give


def _is_json(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == JSON_TYPE


def _secret_of(headers: Headers) -> str | None:
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _slow(seconds: float) -> ProblemError:
    detail = f"The body did not arrive within {seconds:.0f} seconds. Send it without a pause."
    return ProblemError(HTTPStatus.REQUEST_TIMEOUT, "slow_body", detail)
