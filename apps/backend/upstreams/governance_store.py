"""A FairMind governance store over HTTP: where evidence of systems is collected."""

import asyncio
import json
import re
import ssl
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

SYSTEMS = "/api/v1/ai-governance/systems"
ANSWER_SECONDS = 15.0
CONNECT_SECONDS = 3.0
WHOLE_SECONDS = 60.0
LIST_BYTES = 32 << 20
LONGEST_ID = 100
LATER = frozenset((408, 425, 429))
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
SECONDS = re.compile(r"[0-9]{1,5}")


class StoreRefusedError(Exception):
    """The store refuses an item and would refuse it again. `code`: as `http_422`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class StoreAwayError(Exception):
    """The store does not take an item now. `retry_after`: seconds, if it named some; `was_sent`: it may have it."""

    def __init__(self, code: str, was_sent: bool, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code, self.was_sent, self.retry_after = code, was_sent, retry_after


class GovernanceStore:
    """Sends items to a store; the connections live as long as the `async with` block."""

    def __init__(self, address: str, token: str | None) -> None:
        self._http = httpx.AsyncClient(
            base_url=address,
            headers={"Accept-Encoding": "identity"} | ({} if token is None else {"Authorization": f"Bearer {token}"}),
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            verify=_certificates(),
            trust_env=False,
        )

    async def __aenter__(self) -> "GovernanceStore":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def add(self, system: str, name: str, body: Mapping[str, Any]) -> str | None:
        """Add an item to a system and return what the store calls it; None where it does not say.

        Parameters
        ----------
        name
            The item's name, as `Idempotency-Key`: a store that knows it takes the item once.

        Raises
        ------
        StoreRefusedError
            Any answer that asks for something else, as 401, 404 or 422.
        StoreAwayError
            No answer, 5xx, or a wish to come again later.
        """
        request = self._http.build_request("POST", _evidence(system), json=body, headers={"Idempotency-Key": name})
        return _id(_json(await self._sent(request)))

    async def find(self, system: str, name: str) -> tuple[bool, str | None]:
        """Tell whether a system has the item of this name, and what the store calls it.

        A store that does not list its items, or more than 32 MB of them, is taken to lack it.

        Raises
        ------
        StoreAwayError
            As for :meth:`add`.
        """
        try:
            content = await self._sent(self._http.build_request("GET", _evidence(system)))
        except StoreRefusedError:
            return False, None
        items = _json(content)
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict) and _name(item) == name:
                return True, _id(item)
        return False, None

    async def _sent(self, request: httpx.Request) -> bytes:
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                response = await self._http.send(request, stream=True)
                try:
                    _require_done(response)
                    return await _bounded(response)
                finally:
                    await response.aclose()
        except (httpx.TransportError, TimeoutError) as error:
            raise StoreAwayError("no_answer", was_sent=not isinstance(error, NEVER_SENT)) from error


@cache
def _certificates() -> ssl.SSLContext:
    """Return what servers are known by, read once."""
    return httpx.create_ssl_context()


def _require_done(response: httpx.Response) -> None:
    status = response.status_code
    if response.is_success:
        return
    code = f"http_{status}"
    if status in LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        text = response.headers.get("retry-after", "").strip()
        seconds = float(text) if SECONDS.fullmatch(text) else None
        raise StoreAwayError(code, was_sent=status >= HTTPStatus.INTERNAL_SERVER_ERROR, retry_after=seconds)
    raise StoreRefusedError(code)


async def _bounded(response: httpx.Response) -> bytes:
    """Return the body; nothing of one that is too long."""
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > LIST_BYTES:
            return b""
    return bytes(content)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _name(item: dict[str, Any]) -> object:
    content = item.get("content")
    return content.get("name") if isinstance(content, dict) else None


def _id(item: Any) -> str | None:
    found = item.get("id") if isinstance(item, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= LONGEST_ID and "\0" not in found else None


def _evidence(system: str) -> str:
    return f"{SYSTEMS}/{quote(system, safe='')}/evidence"
