"""Records that hold each other: every digest covers the digest before it, so none can be altered or taken out unseen.

digest(n) = sha256(digest(n − 1), newline, canonical JSON of record n), all as ASCII text; digest(0) is 64 zeros.

What a chain alone cannot show: that its end was cut off, or that all of it was written anew by somebody who may write
to the table. Both show against a digest that was noted elsewhere (`head`).

References: S. Haber, W. S. Stornetta, How to time-stamp a digital document, Journal of Cryptology 3 (1991), section 5.1
(linking).
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

FIRST = "0" * 64


@dataclass(frozen=True)
class AdminAction:
    """One act of administration. `number` counts from 1; `at`: microseconds since 1970; `request`: None of commands."""

    number: int
    at: int
    actor: str
    action: str
    target: str
    request: str | None
    result: str
    previous: str
    digest: str = ""


@dataclass(frozen=True)
class ChainVerdict:
    """What became of a chain. `broken_at`: the number of the first record that does not fit, None where all do."""

    records: int
    head: str
    broken_at: int | None = None
    why: str | None = None

    @property
    def whole(self) -> bool:
        """Whether every record is the one that was written."""
        return self.why is None


def digest_of(action: AdminAction) -> str:
    """Return the digest of a record, 64 hexadecimal digits, from its content and the digest before it."""
    content = {name: value for name, value in action.__dict__.items() if name not in ("previous", "digest")}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{action.previous}\n{text}".encode("ascii")).hexdigest()


def verified(actions: Iterable[AdminAction], head: str | None = None) -> ChainVerdict:
    """Check a whole chain, the oldest record first; `head`: a digest noted earlier that must still be in it."""
    count, last, seen = 0, FIRST, head is None or head == FIRST
    for action in actions:
        why = _misfit(action, count + 1, last)
        if why is not None:
            return ChainVerdict(count, last, count + 1, why)
        count, last = count + 1, action.digest
        seen = seen or last == head
    if not seen:
        return ChainVerdict(count, last, None, "the digest noted earlier is not in the chain: its end was cut off")
    return ChainVerdict(count, last)


def _misfit(action: AdminAction, number: int, previous: str) -> str | None:
    if action.number != number:
        return f"record {number} is missing; record {action.number} is in its place"
    if action.previous != previous:
        return f"record {number} does not hold the digest of the record before it"
    return None if digest_of(action) == action.digest else f"record {number} was altered"
