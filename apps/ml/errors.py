"""Every error that FairMind raises on purpose; each message ends with the act that repairs it.

::

    FairMindError
    ├── BadInputError                exit code 2: the caller gave something that cannot be used
    │   ├── ParameterError           params.yaml: unknown key, impossible value
    │   ├── DeclarationError         a data set declaration is malformed or unknown
    │   ├── SourceError              the rows cannot be had as declared: no file, wrong sha256, unreadable
    │   ├── DataError                the rows were read and break what was promised (carries the findings)
    │   ├── RequestError             a prediction request does not fit the model's signature
    │   ├── BundleError              a saved model is damaged, of an unknown format or holds a forbidden type
    │   └── RegistryError            a model, version, alias or run that does not exist
    └── ServiceUnavailableError      exit code 4: a server, database or address does not answer

Errors carry facts (columns, counts, what was expected) and never the values of people.
"""

from collections.abc import Sequence
from dataclasses import dataclass

EXIT_DONE = 0
EXIT_GATES_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INCONCLUSIVE = 3
EXIT_SERVICE_UNAVAILABLE = 4


class FairMindError(Exception):
    """Base of all errors raised on purpose. `exit_code` is what the command line ends with."""

    exit_code = EXIT_BAD_INPUT


class BadInputError(FairMindError):
    """What was handed in cannot be used; nothing was written."""


class ParameterError(BadInputError):
    """params.yaml names an unknown key or an impossible value; the message holds the key's full path."""


class DeclarationError(BadInputError):
    """A data set declaration does not exist or cannot be understood."""


class SourceError(BadInputError):
    """The rows of a data set cannot be had as declared."""


@dataclass(frozen=True)
class Finding:
    """One broken promise about data, as facts: what, where, how many rows, what was expected."""

    code: str
    message: str
    column: str | None = None
    rows: int | None = None
    expected: str | None = None

    def __str__(self) -> str:
        where = f"column '{self.column}': " if self.column else ""
        count = f" ({self.rows} row{'s' if self.rows != 1 else ''})" if self.rows is not None else ""
        expected = f"; expected {self.expected}" if self.expected else ""
        return f"[{self.code}] {where}{self.message}{count}{expected}"


class DataError(BadInputError):
    """Rows break what their declaration promises. `findings` lists every broken promise, not only the first."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        self.findings = tuple(findings)
        listed = "".join(f"\n  - {finding}" for finding in self.findings)
        super().__init__(message + listed)


class RequestError(BadInputError):
    """A prediction request does not fit the signature; `findings` lists each misfit by column."""

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        self.findings = tuple(findings)
        super().__init__(message)


class BundleError(BadInputError):
    """A saved model bundle is damaged, of an unknown format version or holds a type that is not allowed."""


class RegistryError(BadInputError):
    """The registry has no such model, version, alias or run."""


class ServiceUnavailableError(FairMindError):
    """A service that was asked for (tracking server, database, URL) does not answer."""

    exit_code = EXIT_SERVICE_UNAVAILABLE
