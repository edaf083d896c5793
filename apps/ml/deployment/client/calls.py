"""The calls that both clients make: what is sent, what counts as an answer, how it is read. No network in sight."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Generic, TypeVar

from apps.ml.deployment.client import contract
from apps.ml.deployment.client.answers import Predictions, Readiness, ServedVersion
from apps.ml.deployment.client.bodies import Row, body_of
from apps.ml.deployment.client.checks import NotTheContractError, parsed
from apps.ml.deployment.client.errors import (
    BadAnswerError,
    ConnectionFailedError,
    ModelServerError,
    RefusedError,
    UnavailableError,
)
from apps.ml.deployment.client.outcomes import Outcome
from apps.ml.deployment.client.tries import LATER, End, Lost, Reply, Tries

T = TypeVar("T")

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
ADDRESS = re.compile(r"https?://[^/?#\s]+(/[^?#\s]*)?")


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request and the reading of its answer. `answers`: statuses of an answer that :attr:`read` reads."""

    method: str
    path: str
    read: contract.Read[T]
    content: bytes | None = None
    answers: frozenset[int] = frozenset((HTTPStatus.OK,))

    def is_answered(self, end: End) -> bool:
        """Whether a try ended with what was asked for."""
        return isinstance(end, Reply) and end.status in self.answers

    def result(self, end: End, tries: Tries, request_id: str) -> T:
        """Return what the last try of a call ended with.

        Raises
        ------
        ModelServerError
            See :mod:`apps.ml.deployment.client.errors`.
        """
        if isinstance(end, Lost):
            raise _lost(end, tries, request_id)
        if end.status not in self.answers:
            raise _failure(end, tries, request_id)
        try:
            return self.read(parsed(end.content))
        except NotTheContractError as error:
            raise _bad(str(error), end.status, request_id) from None


@dataclass(frozen=True)
class Chosen:
    """Which version is to answer, and for whom; None leaves it to the server."""

    model: str | None = None
    version: str | int | None = None
    alias: str | None = None
    subject: str | None = None


def predict_call(rows: Iterable[Row], chosen: Chosen, explain: bool) -> Call[Predictions]:
    """Return the call of `POST /v1/predict`; raises as :func:`~apps.ml.deployment.client.bodies.body_of`."""
    content, asked = body_of(rows, "instances", **asdict(chosen), explain=explain or None)
    return Call("POST", "/v1/predict", contract.predictions_of(asked, explain), content)


def explain_call(
    rows: Iterable[Row], chosen: Chosen, contributions: bool, reasons: bool, counterfactual: bool
) -> Call[Predictions]:
    """Return the call of `POST /v1/explain`; what the server does by itself is left unsaid."""
    wanted = {
        "contributions": None if contributions else False,
        "reasons": None if reasons else False,
        "counterfactual": counterfactual or None,
    }
    content, asked = body_of(rows, "instances", **asdict(chosen), **wanted)
    return Call("POST", "/v1/explain", contract.predictions_of(asked, explained=True), content)


def outcomes_call(outcomes: Iterable[Outcome]) -> Call[int]:
    """Return the call of `POST /v1/outcomes`."""
    content, reported = body_of((outcome.to_dict() for outcome in outcomes), "outcomes")
    return Call("POST", "/v1/outcomes", contract.accepted_of(reported), content, frozenset((HTTPStatus.ACCEPTED,)))


def models_call() -> Call[tuple[ServedVersion, ...]]:
    """Return the call of `GET /v1/models`."""
    return Call("GET", "/v1/models", contract.models_of)


def ready_call() -> Call[Readiness]:
    """Return the call of `GET /readyz`, whose 503 is an answer and not a failure."""
    answers = frozenset((HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE))
    return Call("GET", "/readyz", contract.readiness_of, answers=answers)


def checked_address(address: str) -> str:
    """Return the address without a slash at its end; :class:`ValueError` where it is none."""
    if not ADDRESS.fullmatch(address):
        raise ValueError("the address of a model server begins with http:// or https:// and holds no query. Mend it.")
    return address.rstrip("/")


def headers_of_client(key: str | None) -> dict[str, str]:
    """Return the headers of every call; :class:`ValueError` for a key that no header can hold."""
    if key is not None and not (key.isascii() and key.isprintable() and key.strip()):
        raise ValueError("the API key holds characters that no header can hold. Give it as it was issued.")
    authority = {} if key is None else {"Authorization": f"Bearer {key.strip()}"}
    return {"Accept": "application/json", "User-Agent": "fairmind-client", **authority}


def headers_of_call(call: Call[T], request_id: str | None) -> dict[str, str]:
    """Return the headers of all tries of one call; a request id is made where None is given."""
    name = uuid.uuid4().hex if request_id is None else request_id
    if not REQUEST_ID.fullmatch(name):
        raise ValueError("a request id is 1 to 64 letters, digits, dots, colons, dashes or underscores. Mend it.")
    content_type = {} if call.content is None else {"Content-Type": "application/json"}
    return {"X-Request-ID": name, **content_type}


def _lost(end: Lost, tries: Tries, request_id: str) -> ModelServerError:
    message = f"{end.reason} ({_effort(tries)}). Check the address and that the server runs."
    return ConnectionFailedError(message, request_id)


def _failure(reply: Reply, tries: Tries, request_id: str) -> ModelServerError:
    try:
        code, message, findings = contract.refusal_of(parsed(reply.content))
    except NotTheContractError as error:
        if reply.status not in LATER:
            return _bad(str(error), reply.status, request_id)
        code, message, findings = "unavailable", "Ask again later.", ()
    if reply.status not in LATER:
        return RefusedError(reply.status, code, message, findings, request_id)
    text = f"The model server answered {reply.status} {code} ({_effort(tries)}): {message}"
    return UnavailableError(text, request_id, reply.status, tries.retry_after(reply))


def _bad(why: str, status: int, request_id: str) -> BadAnswerError:
    return BadAnswerError(
        f"The answer with status {status} breaks the contract: {why}. Check that a FairMind model server of this "
        "client's version listens there.",
        request_id,
    )


def _effort(tries: Tries) -> str:
    return f"{tries.made} {'try' if tries.made == 1 else 'tries'} in {tries.seconds:.1f} s"
