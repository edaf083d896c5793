"""JSON of upstreams, read without lenience: what can be neither stored nor sent on is no answer.

Python's parser lets `NaN`, infinities, numbers beyond floating point and halves of surrogate pairs through. They are no
JSON; of two databases one keeps them, and whoever reads them again fails.

References: RFC 8259, sections 6 and 8.2.
"""

import json
import math
import re
from typing import Any, NoReturn

HALVES = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")
"""What a document must hold somewhere to hold half a character; most hold none, and are not looked through."""


def strict_json(content: bytes) -> Any:
    """Return a JSON document.

    Raises
    ------
    ValueError
        It is none.
    RecursionError
        It is nested too deeply to be read.
    """
    found = json.loads(content, parse_constant=_no_number, parse_float=_finite)
    if HALVES.search(content) is not None:
        json.dumps(found, ensure_ascii=False).encode("utf-8")  # UnicodeEncodeError is a ValueError
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is beyond floating point")
    return number
