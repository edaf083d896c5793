"""Calls of shadows: what a version would have answered to a call that another one answered."""

from typing import Final

from apps.ml.prediction_log.identifiers import call_and_row

SHADOW: Final = "shadow:"
"""What the arm of a shadow's call begins with; its `request` is the name of the call that was answered."""


def answered_call(call: bytes, arm: str | None, request: str | None) -> bytes:
    """Return the call that somebody got the answer of: of a shadow's call the one that it repeats, else itself."""
    if arm is None or request is None or not arm.startswith(SHADOW):
        return call
    try:
        return call_and_row(request)[0]
    except ValueError:
        return call


def times_of(call: bytes) -> tuple[bytes, bytes]:
    """Return the first and the last name that a call of the same millisecond, as its shadows are, can have."""
    return call[:6] + bytes(10), call[:6] + b"\xff" * 10
