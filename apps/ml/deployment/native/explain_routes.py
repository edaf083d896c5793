"""`POST /v1/explain`: predictions with their explanations."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from anyio import CapacityLimiter
from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from apps.ml.deployment.answering.desk import Answered, Desk
from apps.ml.deployment.explaining.explained import explained, explained_rows, require_explainable
from apps.ml.deployment.explaining.preparation import explainer_of, is_prepared
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.deployment.native.explained_schemas import ExplanationAnswer
from apps.ml.deployment.native.plain_request import plain_request
from apps.ml.deployment.native.prediction import ThoroughAnswers, requested
from apps.ml.deployment.native.prepared import PreparedVersions
from apps.ml.deployment.native.request_schema import LONGEST_SUBJECT
from apps.ml.deployment.native.routes import REFUSALS
from apps.ml.deployment.observation.tracing import STAGES
from apps.ml.deployment.requests.caller import Asked, Caller, caller_of
from apps.ml.deployment.requests.error_shape import Shape
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.request_body import JSON_TYPE, parse_json, read_body
from apps.ml.deployment.requests.thread_work import in_thread
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.deployment.versions.chosen import Chosen
from apps.ml.deployment.versions.served_model import ServedModel

PATH = "/v1/explain"
ROUTE = "explain"
INLINE_BYTES = 8_000
INLINE_SECONDS = 0.002
"""A row that takes longer is explained in a thread, so that it does not delay the others."""

FORM = '{"instances": [{…}], "counterfactual"?: …}'
INSTANCE = "#/components/schemas/Instance"
_ENCODER = msgspec.json.Encoder()


class ExplanationRequest(Shape):
    """Rows to predict and explain. `model`, `version`, `alias` and `subject` are those of a prediction request.

    `contributions`: what each column adds to the score. `reasons`: why an unfavourable decision is unfavourable.
    `counterfactual`: the smallest change that would lead to the favourable decision; it costs most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=())

    instances: list[Any] = Field(min_length=1)
    contributions: bool = True
    reasons: bool = True
    counterfactual: bool = False
    model: str | None = None
    version: str | int | None = None
    alias: str | None = None
    subject: str | None = Field(default=None, max_length=LONGEST_SUBJECT)

    @property
    def wanted(self) -> Wanted:
        """The parts that are asked for."""
        return Wanted(self.contributions, self.reasons, self.counterfactual)


class ExplainedAnswers:
    """Answers JSON bodies of explanations. Runs in a worker thread."""

    def __init__(self, desk: Desk, limits: Limits, prepared: PreparedVersions) -> None:
        self._desk, self._limits, self._prepared = desk, limits, prepared
        self._thorough = ThoroughAnswers(desk, limits, prepared)

    def answer(self, body: bytes, caller: Caller) -> bytes:
        """Return the answer to a JSON body, in the shape of :class:`ExplanationAnswer`.

        Raises
        ------
        RefusalError
            400 not JSON, 404 another model is asked for, 413 more rows than can be explained in one call, 422 rows that
            do not fit or too many counterfactuals, 503 no model or no room in the prediction log.
        """
        plain = self._plain(body, caller)
        return self._whatever(body, caller) if plain is None else plain

    def at_once(self, body: bytes, caller: Caller) -> bytes | None:
        """Return the answer to a body of one plain row that is quickly explained; None for every other."""
        return self._plain(body, caller, is_inline=True) if len(body) <= INLINE_BYTES else None

    def _plain(self, body: bytes, caller: Caller, is_inline: bool = False) -> bytes | None:
        """Answer a body that holds nothing but rows that fit; None for every other."""
        found = plain_request(self._desk, self._prepared, body, caller, ROUTE)
        if found is None:
            return None
        chosen, _, rows = found
        if is_inline and not _is_quick(chosen.model, len(rows)):
            return None
        require_explainable(chosen.model, len(rows), Wanted())
        return self._of_rows(chosen, rows, body, Wanted())

    def _whatever(self, body: bytes, caller: Caller) -> bytes:
        request = requested(parse_json(body), ExplanationRequest, FORM)
        version = None if request.version is None else str(request.version)
        chosen = self._desk.choose(Asked(caller, ROUTE, request.model, version, request.alias, request.subject))
        require_explainable(chosen.model, len(request.instances), request.wanted)
        rows = self._rows_that_fit(chosen, request.instances)
        if rows is not None:
            return self._of_rows(chosen, rows, body, request.wanted)
        frame = self._thorough.frame(request.instances, chosen.model)
        answered = self._desk.answer_frame(chosen, frame)
        start = time.perf_counter()
        return self._written(answered, explained(chosen.model, frame, answered.answers, request.wanted), start)

    def _of_rows(self, chosen: Chosen, rows: Sequence[Sequence[Value]], body: bytes, what: Wanted) -> bytes:
        answer = self._desk.answer_single if len(rows) == 1 else self._desk.answer_rows
        answered = answer(chosen, rows, body)
        start = time.perf_counter()
        return self._written(answered, explained_rows(chosen.model, rows, answered.answers, what), start)

    def _rows_that_fit(self, chosen: Chosen, instances: list[Any]) -> list[tuple[Value, ...]] | None:
        """Return the values of instances that fit plainly; None where only a frame can tell whether they do."""
        try:
            plain = self._prepared.of(chosen.model).decoder.decode(_ENCODER.encode({"instances": instances}))
        except (OverflowError, RecursionError, msgspec.MsgspecError):
            return None
        return None if plain is None else plain.rows

    def _written(self, answered: Answered, explanations: list[dict[str, Any]], start: float) -> bytes:
        model, seconds, stages = answered.model, time.perf_counter() - start, STAGES.get()
        self._desk.meter.stage("explain", model.name, model.version, seconds)
        if stages is not None:
            stages.append(("explain", start, seconds))
        return self._prepared.of(model).writer.many(answered, explanations)


def _is_quick(model: ServedModel, rows: int) -> bool:
    """Whether explaining so many rows holds up nobody; not while the version's explanations are being prepared."""
    return rows == 1 and is_prepared(model) and explainer_of(model).row_seconds <= INLINE_SECONDS


def explain_routes(answers: ExplainedAnswers, limits: Limits) -> APIRouter:
    """Return the route of explanations."""
    router = APIRouter()
    threads: list[CapacityLimiter] = []
    content = {JSON_TYPE: {"schema": request_schema()}}

    @router.post(
        PATH,
        response_model=ExplanationAnswer,
        responses=REFUSALS,
        operation_id="explain",
        openapi_extra={"requestBody": {"required": True, "content": content}},
    )
    async def explain(request: Request) -> Response:
        """Score rows and explain the answers: contributions, principal reasons, counterfactuals."""
        if not threads:
            threads.append(CapacityLimiter(limits.scoring_threads))
        body = await read_body(request, limits)
        content = await in_thread(partial(answers.answer, body, caller_of(request)), threads[0])
        return Response(content, media_type=JSON_TYPE)

    return router


def request_schema() -> dict[str, Any]:
    """Return the JSON schema of a request; its rows are the `Instance` of the loaded version's columns."""
    schema = ExplanationRequest.model_json_schema()
    schema["properties"]["instances"]["items"] = {"$ref": INSTANCE}
    return schema
