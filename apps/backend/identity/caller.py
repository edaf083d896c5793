"""The caller of a request: of one organisation, in one role."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["viewer", "analyst", "approver", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "analyst", "approver", "admin")
"""Each may do what those before it may do."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `actor`: `user:<id>` or `key:<id>`, as audit entries and rows name them, or `operator` for a command;
    `name`: for people to read."""

    organisation: str
    actor: str
    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Tell whether the caller may do what `role` may do."""
        return ROLES.index(self.role) >= ROLES.index(role)

    @property
    def user(self) -> str | None:
        """The id of the user who asks; None where it is no user."""
        kind, _, found = self.actor.partition(":")
        return found if kind == "user" else None
