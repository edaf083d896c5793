"""What can go wrong between a caller and the model server.

::

    ModelServerError
    ├── RefusedError             the server answered with an error that asking again does not mend
    ├── UnavailableError         the server asked to come again later (429, 503) until tries or time were used up
    ├── ConnectionFailedError    no whole answer arrived: nothing listens, too slow, closed half-way
    └── BadAnswerError           an answer arrived that is not the contract: it must not be acted on

Rows that cannot be sent at all (NaN, no row) are the caller's own and raise `ValueError` or `TypeError`. No message
holds a value of a row.
"""

from dataclasses import dataclass

from apps.ml.errors import EXIT_SERVICE_UNAVAILABLE, FairMindError


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that did not fit. `row` counts from 0 in the rows of the call; None where no single row is meant."""

    row: int | None
    column: str | None
    problem: str
    expected: str | None


class ModelServerError(FairMindError):
    """Base of this tree. `request_id`: the name under which the server's log knows the call."""

    def __init__(self, message: str, request_id: str) -> None:
        super().__init__(message)
        self.request_id = request_id


class RefusedError(ModelServerError):
    """The server refused the call. `code` is meant for programs; `findings` lists what did not fit."""

    def __init__(self, status: int, code: str, message: str, findings: tuple[Misfit, ...], request_id: str) -> None:
        super().__init__(message, request_id)
        self.status, self.code, self.message, self.findings = status, code, message, findings


class UnavailableError(ModelServerError):
    """The server is there and asks to come again. `retry_after`: seconds it named, None where it named none."""

    exit_code = EXIT_SERVICE_UNAVAILABLE

    def __init__(self, message: str, request_id: str, status: int, retry_after: float | None) -> None:
        super().__init__(message, request_id)
        self.status, self.retry_after = status, retry_after


class ConnectionFailedError(ModelServerError):
    """No whole answer arrived. Whether the server saw the call is not known; asking again is safe."""

    exit_code = EXIT_SERVICE_UNAVAILABLE


class BadAnswerError(ModelServerError):
    """The answer is not what the contract promises; the message says where, and holds nothing of it."""
