"""Spans of time as people write them: 90d, 24h, 15m, 30s."""

import re

from apps.ml.errors import BadInputError

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
SPAN = re.compile(r"([0-9]{1,6})([smhdw])")


def seconds_of(text: str, where: str) -> int:
    """Return the seconds of a span; `where` names the option or variable that holds it.

    Raises
    ------
    BadInputError
        The text is not a whole number followed by s, m, h, d or w.
    """
    found = SPAN.fullmatch(text)
    if found is None:
        raise BadInputError(f"{where} is no span of time. Write a whole number and s, m, h, d or w, as 90d or 24h.")
    return int(found[1]) * SECONDS[found[2]]
