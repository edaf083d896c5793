"""The version that answers a request."""

from dataclasses import dataclass
from typing import Protocol

from apps.ml.deployment.requests.caller import Asked
from apps.ml.deployment.versions.served_model import ServedModel


@dataclass(frozen=True, slots=True)
class Chosen:
    """The version that answers one request, held until the request ends, and the arm it stands for."""

    asked: Asked
    model: ServedModel
    arm: str | None = None


class Chooser(Protocol):
    """Says which version answers a request: the shelf, and traffic over it."""

    def choose(self, asked: Asked) -> Chosen:
        """Return the version.

        Raises
        ------
        RefusalError
            404 for one that is not served, 503 while none is loaded.
        """
