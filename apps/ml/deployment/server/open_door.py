"""The door that lets everybody in, where nothing is to be protected."""

from collections.abc import Sequence

from apps.ml.deployment.requests.caller import Caller

EVERYBODY = Caller()


class OpenDoor:
    """Asks for nothing and counts nobody."""

    def admit(self, headers: Sequence[tuple[bytes, bytes]], scope: str) -> Caller:  # noqa: ARG002
        """Let everybody in."""
        return EVERYBODY

    def leave(self) -> None:
        """Nobody was counted."""
