"""From bytes on the wire to a parsed JSON document, within limits and without lenience.

Python's own reading of JSON is more lenient than the standard: it takes NaN and Infinity, lets the last of two equal
keys win and makes strings that cannot be written as UTF-8. Each of these is refused here, before anything looks at it.
"""

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NoReturn

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from apps.ml.deployment.requests.body_timer import body_timer
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError

JSON_TYPE = "application/json"
Headers = Mapping[bytes, bytes]
"""Headers as the server gives them: names in lower case."""


async def read_body(request: Request, limits: Limits) -> bytes:
    """Return the body of a JSON request.

    Raises
    ------
    RefusalError
        415 wrong content type; and what :func:`receive_body` raises.
    """
    headers = dict(request.scope["headers"])
    require_plain(headers)
    if not is_json(headers):
        raise not_json()
    return await receive_body(headers, request.receive, limits)


async def receive_body(headers: Headers, receive: Receive, limits: Limits) -> bytes:
    """Return the body of a request of any content type.

    Raises
    ------
    RefusalError
        413 more than `limits.body_bytes`, 408 slower than `limits.body_seconds`, 400 empty.
    ClientDisconnect
        The caller hung up.
    """
    # The protocol layer has already refused a malformed length.
    _require_small(int(headers.get(b"content-length", 0)), limits)
    timer = body_timer(limits.body_seconds)
    task = timer.begin()
    try:
        body = await _receive(receive, limits)
    except asyncio.CancelledError:
        if not timer.is_late(task):
            raise _ending() from None
        message = f"The body did not arrive within {limits.body_seconds:g} seconds. Send it in one go."
        raise RefusalError(HTTPStatus.REQUEST_TIMEOUT, "slow_body", message) from None
    finally:
        timer.end(task)
    if not body or body.isspace():
        raise RefusalError(HTTPStatus.BAD_REQUEST, "empty_body", 'The body is empty. Send {"instances": [{…}]}.')
    return body


def _ending() -> RefusalError:
    """The server ends and waits no longer for what did not arrive."""
    message = "The server ends before the body arrived. Send the request again: another process takes it."
    headers = {"Retry-After": "5", "Connection": "close"}
    return RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "draining", message, headers=headers)


def is_json(headers: Headers) -> bool:
    """Tell whether the content type is JSON in UTF-8."""
    written = headers.get(b"content-type", b"")
    if written == b"application/json":
        return True
    content_type, _, parameters = written.decode("latin-1").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    return content_type.strip().lower() == JSON_TYPE and charset in ("", "charset=utf-8")


def require_plain(headers: Headers) -> None:
    """Refuse compressed bodies (415)."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        message = "Compressed bodies are not read. Send the body without Content-Encoding."
        raise RefusalError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content_encoding", message)


def not_json() -> RefusalError:
    """The refusal of another content type (415)."""
    message = f"The content type is not {JSON_TYPE} in UTF-8. Send the header `Content-Type: {JSON_TYPE}`."
    return RefusalError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content_type", message)


def parse_json(body: bytes) -> Any:
    """Parse one JSON document strictly.

    Raises
    ------
    RefusalError
        400 not UTF-8, not JSON, NaN or Infinity, a key twice in one object, a lone surrogate, nested too deeply.
    """
    try:
        text = body.decode("utf-8")
        document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_distinct_keys)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        _refuse_json(f"line {error.lineno}, column {error.colno}: {error.msg}")
    except UnicodeDecodeError as error:
        _refuse_json(f"byte {error.start} is not UTF-8")
    except UnicodeEncodeError:
        _refuse_json("a string holds half a character (a lone surrogate)")
    except RecursionError:
        _refuse_json("it is nested too deeply")
    except ValueError:
        _refuse_json("a number has too many digits")
    return document


def _require_small(size: int, limits: Limits) -> None:
    if size > limits.body_bytes:
        message = f"The body is larger than {limits.body_bytes} bytes. Send the rows in several requests."
        raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", message)


async def _receive(receive: Receive, limits: Limits) -> bytes:
    """Collect the body piece by piece, so that an unannounced length cannot fill the memory."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message.get("body", b"")
        _require_small(len(whole), limits)
        return whole
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        _require_small(len(body), limits)
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()
    raise ClientDisconnect


def _refuse_json(why: str) -> NoReturn:
    message = f"The body is not valid JSON: {why}. Send one JSON document in UTF-8."
    raise RefusalError(HTTPStatus.BAD_REQUEST, "invalid_json", message)


def _refuse_constant(_: str) -> NoReturn:
    _refuse_json("NaN and Infinity are not JSON; a missing value is null")


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        _refuse_json("an object holds the same key twice")
    return content
