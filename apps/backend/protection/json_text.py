"""JSON that no database keeps: `NaN`, infinities, zero bytes, halves of surrogate pairs, nests within nests.

Python's parser lets them through. PostgreSQL refuses them when they are to be stored, digests over them mean nothing,
and what is nested deeply cannot be written again, so a body that holds one is refused before anything is done with it.
So is one of so many values that everybody else would wait until each is found not to fit.

References: RFC 8259, sections 6 and 8.2.
"""

import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from itertools import accumulate
from typing import Any

from apps.backend.problems import ProblemError

SUSPICIOUS = re.compile(rb"NaN|Infinity|\\u0000|\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]|\x00|[0-9]{309}|[eE]\+?[0-9]{3}")
"""What a body must hold somewhere to hold one of them; most hold none, and are not parsed here. A zero byte is what
every document in UTF-16 or UTF-32 holds."""

MOST_DIGITS = 309
"""Of the largest number in floating point."""

MOST_LEVELS = 64
"""Of lists and objects in one another; no body here needs ten."""

MOST_VALUES = 20_000
"""Of all lists and objects together; a thousand outcomes have five thousand."""

STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
NO_BRACKETS = bytes(set(range(256)) - STEPS.keys())


def require_storable(body: bytes) -> None:
    """Refuse a body with a number or a text that cannot be stored; what is no JSON at all is refused where it is read.

    Raises
    ------
    ProblemError
        422 `unstorable_json`.
    """
    _require_bounded(body)
    if SUSPICIOUS.search(body) is None:
        return
    try:
        _require_texts(json.loads(body, parse_constant=_refuse, parse_float=_finite, parse_int=_finite_whole))
    except (ValueError, RecursionError):
        return  # no JSON, or none that is read further: the route says so


class _UnstorableError(ProblemError):
    def __init__(self, what: str) -> None:
        detail = f"The body holds {what}, which cannot be stored. Leave it out."
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, "unstorable_json", detail)


def _require_bounded(body: bytes) -> None:
    """Refuse too many levels and too many values, by the signs of a document in UTF-8 that stand in no text."""
    if body.count(b"[") + body.count(b"{") <= MOST_LEVELS and body.count(b",") <= MOST_VALUES:
        return
    signs = STRING.sub(b"", body)
    if signs.count(b",") + signs.count(b"[") + signs.count(b"{") > MOST_VALUES:
        raise _UnstorableError(f"more than {MOST_VALUES:,} values")
    if max(accumulate(map(STEPS.__getitem__, signs.translate(None, NO_BRACKETS))), default=0) > MOST_LEVELS:
        raise _too_deep()


def _too_deep() -> _UnstorableError:
    return _UnstorableError(f"more than {MOST_LEVELS} lists and objects in one another")


def _refuse(_: str) -> Any:
    raise _UnstorableError("NaN or an infinite number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _UnstorableError("a number beyond the range of floating point")
    return number


def _finite_whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise _UnstorableError("a number beyond the range of floating point")
    return int(text)


def _require_texts(content: Any) -> None:
    waiting = [(content, 1)]
    while waiting:
        part, level = waiting.pop()
        if isinstance(part, dict | list):
            # In UTF-16 and UTF-32 the brackets of a text were not told from those of the document.
            if level > MOST_LEVELS:
                raise _too_deep()
            waiting += [(inner, level + 1) for inner in _inside(part)]
        elif isinstance(part, str) and ("\x00" in part or not _is_unicode(part)):
            raise _UnstorableError("a text with a zero byte or half a character")


def _inside(part: dict[str, Any] | list[Any]) -> Iterator[Any]:
    if isinstance(part, dict):
        yield from part
        yield from part.values()
    else:
        yield from part


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
