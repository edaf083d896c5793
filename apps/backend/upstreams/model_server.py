"""The model server, asked through its client: within one deadline, behind a circuit breaker, every failure a problem.

| problem | when |
|---|---|
| 422 `misfit` | the application does not fit the model's columns |
| 503 `model_server_slow` | no answer before the deadline, every try and pause included |
| 503 `model_server_away` | it cannot be reached, or broke off; or the circuit is open and it is not asked |
| 503 `model_server_refusing` | it asks to come again later |
| 503 `model_server_broken` | its answer is not the contract, or it failed |
| 503 `model_server_misconfigured` | it refuses this backend's key, or does not serve a model that was granted |
"""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, fields, is_dataclass
from http import HTTPStatus
from typing import Any

from apps.backend.observation import metrics
from apps.backend.observation.request_ids import REQUEST_ID
from apps.backend.problems import Misfit, ProblemError, unavailable
from apps.backend.settings import Settings
from apps.backend.upstreams.breaker import CircuitBreaker, OpenCircuitError
from apps.ml.deployment.client import (
    AsyncModelClient,
    BadAnswerError,
    ConnectionFailedError,
    Explanation,
    ModelServerError,
    Outcome,
    Prediction,
    Predictions,
    RefusedError,
    Retries,
    ServedVersion,
    Timeouts,
    UnavailableError,
)

ANSWER_SECONDS = 10.0
CONNECT_SECONDS = 2.0
SHARE_OF_ONE_TRY = 0.4
"""A server that hangs is tried again before the deadline, and never so often that it is given up before it."""

MARGIN_SECONDS = 0.25
RETRIES = Retries(tries=3, first_pause=0.1, longest_pause=1.0)
AT_ONCE = 64
"""Requests that ask the model server at the same time; others wait for their turn."""

REMEMBERED_SECONDS = 10.0
NAME = "model_server"
CODE_PREFIX = "model_server_"
LONGEST_NAME = 200
LONGEST_COLUMN = 100
FAILURES = (UnavailableError, ConnectionFailedError, BadAnswerError, TimeoutError)
ABOUT_THE_REQUEST = frozenset(
    (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)
)
"""Statuses that speak of what was sent, and not of how this backend is set up."""

Key = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to one application. `meaning`: what a decision of this version stands for."""

    model: str
    version: str | None
    evidence: str | None
    prediction: Prediction
    explanation: Explanation
    meaning: ServedVersion


class ModelServer:
    """Asks the model server; to be used in one event loop. `seconds`: from a question to its answer, all included."""

    def __init__(
        self, settings: Settings, breaker: CircuitBreaker | None = None, seconds: float = ANSWER_SECONDS
    ) -> None:
        timeouts = Timeouts(min(CONNECT_SECONDS, seconds), seconds * SHARE_OF_ONE_TRY, seconds + MARGIN_SECONDS)
        self._client = AsyncModelClient(settings.model_server, settings.model_server_key, timeouts, RETRIES)
        self._seconds = seconds
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._looking_up = asyncio.Lock()
        self._meanings: dict[Key, tuple[ServedVersion, float]] = {}
        self.breaker = breaker or CircuitBreaker()

    async def explain(
        self, model: str, application: dict[str, object], subject: str | None = None, *, counterfactual: bool = False
    ) -> Answered:
        """Return the model's answer to one application, with its explanation.

        Raises
        ------
        ProblemError
            See the module.
        """
        with _counted():
            async with self._asked():
                return await self._explained(model, application, subject, counterfactual)

    async def _explained(
        self, model: str, application: dict[str, object], subject: str | None, counterfactual: bool
    ) -> Answered:
        found = await self._client.explain(
            [application],
            model=model,
            subject=subject,
            counterfactual=counterfactual,
            request_id=REQUEST_ID.get(),
        )
        return _answered(model, found, await self._meaning(found))

    async def report(self, outcomes: Sequence[Outcome]) -> None:
        """Report what came of predictions; all are taken or none. The circuit breaker is neither asked nor told.

        Raises
        ------
        RefusedError
            The server refused them; `findings` name rows by their place in `outcomes`.
        ProblemError
            503, as in the module.
        """
        with _counted():
            try:
                await self._client.report_outcomes(outcomes, request_id=REQUEST_ID.get())
            except RefusedError:
                raise
            except ModelServerError as error:
                raise problem_of(error) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[None]:
        """Hold a turn and the deadline; what ends the block is raised as the problem that it is."""
        until = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(until):
                await self._turns.acquire()
            try:
                # Inside the breaker, so that an end of time is a failure; a client that hangs up is none.
                with self.breaker.asking(FAILURES, answers=(RefusedError,)):
                    async with asyncio.timeout_at(until):
                        yield
            finally:
                self._turns.release()
        except OpenCircuitError as error:
            detail = "The model server failed again and again and is left alone for a while. Ask again then."
            raise unavailable("model_server_away", detail, math.ceil(error.seconds)) from None
        except (ModelServerError, TimeoutError) as error:
            raise problem_of(error) from error

    async def _meaning(self, found: Predictions) -> ServedVersion:
        """Return what is told of the version that answered; asked for once per version."""
        key = (found.model, found.version, found.evidence)
        known = self._known(key)
        if known is None:
            async with self._looking_up:
                known = self._known(key) or await self._look_up(key)
        return known

    def _known(self, key: Key) -> ServedVersion | None:
        known = self._meanings.get(key)
        return None if known is None or known[1] < time.monotonic() else known[0]

    async def _look_up(self, key: Key) -> ServedVersion:
        for served in await self._client.models(request_id=REQUEST_ID.get()):
            # A registered version never changes its meaning; a folder that is served may be another one later.
            until = math.inf if served.version is not None else time.monotonic() + REMEMBERED_SECONDS
            self._meanings[served.name, served.version, served.evidence] = served, until
        known = self._known(key)
        if known is None:
            detail = "The model server changed versions while it was asked. Ask again."
            raise unavailable("model_server_refusing", detail, 1)
        return known


@contextmanager
def _counted() -> Iterator[None]:
    """Count one call by how it ended."""
    began, ending = time.perf_counter(), "left"
    try:
        yield
        ending = "answered"
    except RefusedError:
        ending = "refused"
        raise
    except ProblemError as problem:
        ending = "refused" if problem.code == "misfit" else problem.code.removeprefix(CODE_PREFIX)
        raise
    finally:
        metrics.upstream(NAME, ending, time.perf_counter() - began)


def problem_of(error: ModelServerError | TimeoutError) -> ProblemError:
    """Return the problem that an error of the client is for those who asked."""
    if isinstance(error, RefusedError):
        return _refused(error)
    if isinstance(error, UnavailableError):
        detail = "The model server asks to come again later. Ask again when Retry-After is over."
        return unavailable("model_server_refusing", detail, math.ceil(error.retry_after or 0) or None)
    if isinstance(error, ConnectionFailedError):
        detail = "The model server cannot be reached, or broke off its answer. Ask again later."
        return unavailable("model_server_away", detail)
    if isinstance(error, TimeoutError):
        detail = "The model server did not answer in time. Ask again later."
        return unavailable("model_server_slow", detail)
    detail = "What the model server answered is no answer. Ask again later, and tell the operator."
    return unavailable("model_server_broken", detail)


def _refused(error: RefusedError) -> ProblemError:
    if error.status in ABOUT_THE_REQUEST:
        found = [
            Misfit(location=_location(finding.column), problem=finding.problem, expected=finding.expected)
            for finding in error.findings
        ]
        misfits = found or [Misfit(location=_location(None), problem=f"the model server refuses it ({error.code})")]
        detail = "The application does not fit the model. Mend what `errors` lists."
        return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", detail, misfits)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return unavailable("model_server_broken", "The model server failed. Ask again later, and tell the operator.")
    if error.status == HTTPStatus.NOT_FOUND:
        detail = "The model is granted to your organisation, and the model server does not serve it. Tell the operator."
    else:
        detail = "The model server refuses this backend. Tell the operator, who has to mend its address or key."
    return unavailable("model_server_misconfigured", detail, 30)


def _location(column: str | None) -> str:
    return "body.application" if column is None else f"body.application.{column[:LONGEST_COLUMN]}"


def _answered(model: str, found: Predictions, meaning: ServedVersion) -> Answered:
    """Return the answer to the one row, if it is one that can be stood by."""
    (prediction,) = found.predictions
    explanation = prediction.explanation
    names = (prediction.id, found.version or "", found.evidence or "", meaning.positive_name, meaning.negative_name)
    are_names = all(len(name) <= LONGEST_NAME and "\0" not in name for name in names)
    is_decided = prediction.decision is not None or meaning.task == "regression"
    is_whole = explanation is not None and are_names and _are_texts(names, explanation)
    if found.model != model or explanation is None or not is_whole or not is_decided:
        raise BadAnswerError("The answer is of another model, or is none that can be kept.", REQUEST_ID.get() or "")
    return Answered(model, found.version, found.evidence, prediction, explanation, meaning)


def _are_texts(names: tuple[str, ...], explanation: Explanation) -> bool:
    """Tell whether every text is Unicode: halves of characters, which JSON can spell, can be neither kept nor sent."""
    try:
        json.dumps([names, explanation], ensure_ascii=False, default=_plain).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _plain(part: Any) -> object:
    """Return a part of an explanation as JSON has it: an entry by its fields, a mapping as a dictionary."""
    return {field.name: getattr(part, field.name) for field in fields(part)} if is_dataclass(part) else dict(part)
