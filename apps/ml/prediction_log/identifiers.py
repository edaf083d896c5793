"""Names of calls and predictions: unique everywhere, ordered by time, made without asking anybody.

A call and its predictions share one UUID of version 7 but for its last 16 bits, which count the rows. So thousands of
answers of one call need one random draw and are stored as one entry, and every prediction still has a name of its own.

References: RFC 9562, section 5.7 (UUID version 7) and section 6.2 (counters in its random bits).
"""

import os
import random
import time
from uuid import UUID

VERSION_7 = 7 << 76
VARIANT = 2 << 62
RANDOM_BITS = 58
RANDOM_LOW_BITS = 46
ROW_BITS = 16
MOST_ROWS = 1 << ROW_BITS
"""Rows that one call can hold."""

# Names must differ and are no secrets, so not every one asks the operating system. The draws are this module's own:
# nobody who seeds the global ones makes two processes draw alike, and a forked process begins anew.
_DRAWS = random.Random()  # noqa: S311
os.register_at_fork(after_in_child=_DRAWS.seed)


def new_call(milliseconds: int | None = None) -> bytes:
    """Return the name of a call, 16 bytes: 48 bits of milliseconds since 1970 (None: now), 58 random bits, row 0."""
    instant = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    drawn = _DRAWS.getrandbits(RANDOM_BITS)
    high, low = drawn >> RANDOM_LOW_BITS, drawn & ((1 << RANDOM_LOW_BITS) - 1)
    return ((instant << 80) | VERSION_7 | (high << 64) | VARIANT | (low << ROW_BITS)).to_bytes(16, "big")


def prediction_ids(call: bytes, rows: int) -> list[str]:
    """Return the names of the predictions of a call, as UUIDs in text, in the order of its rows.

    Raises
    ------
    ValueError
        More rows than :data:`MOST_ROWS`.
    """
    if rows > MOST_ROWS:
        raise ValueError(f"a call holds at most {MOST_ROWS} rows")
    text = call.hex()
    stem = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:28]}"
    return [stem + text[28:]] if rows == 1 else [f"{stem}{row:04x}" for row in range(rows)]


def call_and_row(prediction: str) -> tuple[bytes, int]:
    """Return the call and the row that a prediction's name holds.

    Raises
    ------
    ValueError
        The text is not the name of a prediction.
    """
    name = UUID(prediction)
    if name.version != 7:
        raise ValueError("not a UUID of version 7")
    row = name.int & (MOST_ROWS - 1)
    return (name.int - row).to_bytes(16, "big"), row
