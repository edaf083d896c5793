"""Who asks, and what is asked for beside the rows."""

from dataclasses import dataclass

OPEN = frozenset(("predict", "explain", "outcomes", "admin"))
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
