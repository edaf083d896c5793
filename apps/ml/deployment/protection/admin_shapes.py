"""The JSON of administration."""

from typing import Any

from pydantic import Field

from apps.ml.deployment.protection.record_chain import AdminAction
from apps.ml.deployment.requests.error_shape import Shape


class Reloaded(Shape):
    """What a reload came to: state of the served versions, and the swaps that it made."""

    state: str
    reason: str | None
    swaps: list[dict[str, Any]]


class Drained(Shape):
    """New requests are turned away; `in_flight` of this process are not answered yet, this one among them."""

    draining: bool
    in_flight: int


class ShownAction(Shape):
    """One record of the admin log. `at`: microseconds since 1970; `request`: null for commands."""

    number: int
    at: int
    actor: str
    action: str
    target: str
    request: str | None
    result: str
    previous: str
    digest: str


class ActionPage(Shape):
    """Records, the newest first. `next`: the value of `before` that asks for older ones; null where there are none."""

    actions: list[ShownAction]
    next: int | None = Field(ge=2)


def shown(action: AdminAction) -> ShownAction:
    """Return a record as the answer shows it."""
    return ShownAction(**action.__dict__)
