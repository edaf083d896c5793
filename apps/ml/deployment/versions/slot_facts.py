"""What a slot says of itself beside the version that it serves."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Refused:
    """A version that was to be served and may not be; the one before it keeps serving.

    `version`: its number, None where it has none. `at`: seconds since 1970. It is not tried again before the alias
    moves or somebody asks for it.
    """

    version: str | None
    reason: str
    at: float


@dataclass(frozen=True)
class Trouble:
    """Why it cannot be found out or fetched what to serve. `since`: seconds since 1970; it is tried again each time."""

    since: float
    reason: str


@dataclass(frozen=True)
class SwapFacts:
    """One swap. `before` and `after`: numbers of versions, None where there is none.

    `seconds`: from asking the registry to the swap. `was_warm`: the version was still in memory and was not fetched
    again. `at`: seconds since 1970.
    """

    address: str
    model: str
    before: str | None
    after: str | None
    seconds: float
    was_warm: bool
    at: float
