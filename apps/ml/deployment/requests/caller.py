"""Who asks, and what is asked for beside the rows."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

EVERYTHING: Final = ("predict", "explain", "outcomes", "admin", "evidence", "promote", "audit")
"""What can be allowed at all: by the model server the first four, by the evidence service the others."""

OPEN = frozenset(EVERYTHING)
"""Scopes of everybody where no keys are required."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One request's asker. `key`: the name of the API key, None where keys are not required."""

    request: str | None = None
    key: str | None = None
    scopes: frozenset[str] = OPEN


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says beside its rows; None where it says nothing.

    `route` names the protocol in log and metrics (`predict`, `invocations`, `oip2`, `kserve1`, …). `subject`: the
    caller's name for the person or case; only its digest is kept.
    """

    caller: Caller
    route: str
    model: str | None = None
    version: str | None = None
    alias: str | None = None
    subject: str | None = None


ADMITTED = "admitted"
"""Where a request's ASGI state holds the caller whom the door has let in before the application was called."""


def admitted(scope: Scope) -> Caller | None:
    """Return the caller whom the door has let in already; None where it has still to be asked."""
    found: Caller | None = scope.get("state", {}).get(ADMITTED)
    return found


def address_of(scope: Scope) -> str | None:
    """Return the address that a request came from, where it is known."""
    client = scope.get("client")
    return str(client[0]) if client else None


def caller_of(request: Request) -> Caller:
    """Return who asks, as the door found out; everybody where there is no door."""
    caller: Caller = getattr(request.state, "caller", None) or Caller()
    return caller
