"""From bytes on the wire to a parsed JSON document, within limits and without lenience.

Python's own reading of JSON is more lenient than the standard: it takes NaN and Infinity, lets the last of two equal
keys win and makes strings that cannot be written as UTF-8. Each of these is refused here, before anything looks at it.
"""

import asyncio
import json
from http import HTTPStatus
from typing import Any, NoReturn

from starlette.requests import Request

from apps.ml.deployment.limits import Limits
from apps.ml.deployment.refusals import RefusalError

JSON_TYPE = "application/json"


async def read_body(request: Request, limits: Limits) -> bytes:
    """Return the body of a JSON request.

    Raises
    ------
    RefusalError
        415 wrong content type, 413 more than `limits.body_bytes`, 408 slower than `limits.body_seconds`, 400 empty.
    """
    _require_plain_json(request)
    _require_small(_declared_length(request), limits)
    try:
        async with asyncio.timeout(limits.body_seconds):
            body = await _receive(request, limits)
    except TimeoutError:
        message = f"The body did not arrive within {limits.body_seconds:g} seconds. Send it in one go."
        raise RefusalError(HTTPStatus.REQUEST_TIMEOUT, "slow_body", message) from None
    if not body.strip():
        raise RefusalError(HTTPStatus.BAD_REQUEST, "empty_body", 'The body is empty. Send {"instances": [{…}]}.')
    return body


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


def _require_plain_json(request: Request) -> None:
    content_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if content_type.strip().lower() != JSON_TYPE or charset not in ("", "charset=utf-8"):
        message = f"The content type is not {JSON_TYPE} in UTF-8. Send the header `Content-Type: {JSON_TYPE}`."
        raise RefusalError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content_type", message)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        message = "Compressed bodies are not read. Send the body without Content-Encoding."
        raise RefusalError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content_encoding", message)


def _declared_length(request: Request) -> int:
    """The announced length; the protocol layer has already refused a malformed one."""
    return int(request.headers.get("content-length", 0))


def _require_small(size: int, limits: Limits) -> None:
    if size > limits.body_bytes:
        message = f"The body is larger than {limits.body_bytes} bytes. Send the rows in several requests."
        raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", message)


async def _receive(request: Request, limits: Limits) -> bytes:
    """Collect the body piece by piece, so that an unannounced length cannot fill the memory."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        _require_small(len(body), limits)
    return bytes(body)


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
