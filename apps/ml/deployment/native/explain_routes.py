"""`POST /v1/explain`: predictions with their explanations, and the same explanations for other routes."""

import math
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import pandas as pd
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter
from pydantic import ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from apps.ml.deployment.answering.desk import Answered, Desk
from apps.ml.deployment.explaining.preparation import explainer_of
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.deployment.explaining.shapes import ExplanationShape
from apps.ml.deployment.native.prediction import ThoroughAnswers
from apps.ml.deployment.native.prepared import PreparedVersions
from apps.ml.deployment.native.request_schema import LONGEST_SUBJECT, envelope_misfits
from apps.ml.deployment.native.routes import JSON, REFUSALS, caller_of
from apps.ml.deployment.native.schemas import Prediction
from apps.ml.deployment.observation.tracing import STAGES
from apps.ml.deployment.requests.caller import Asked, Caller
from apps.ml.deployment.requests.error_shape import Shape
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.requests.request_body import parse_json, read_body
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.errors import FairMindError
from apps.ml.models.bundle import Answers

ROUTE = "explain"
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


class ExplainedPrediction(Prediction):
    """A prediction with its explanation."""

    explanation: ExplanationShape


class ExplanationAnswer(Shape):
    """The predictions in the order of the rows; the other fields are those of a prediction's answer."""

    model: str
    version: str | None
    evidence: str | None = Field(description="Digest of the evidence that was measured for this version.")
    predictions: list[ExplainedPrediction]


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

    def _plain(self, body: bytes, caller: Caller) -> bytes | None:
        """Answer a body that holds nothing but rows that fit; None for every other."""
        chosen = self._desk.choose(Asked(caller, ROUTE))
        request = self._prepared.of(chosen.model).decoder.decode(body)
        if request is None or request.subject is not None:
            return None
        require_explainable(chosen.model, len(request.rows), Wanted())
        answered = self._desk.answer_rows(chosen, request.rows, body)
        start = time.perf_counter()
        explanations = explained_rows(chosen.model, request.rows, _answers(answered))
        return self._written(answered, explanations, start)

    def _whatever(self, body: bytes, caller: Caller) -> bytes:
        request = _request_of(parse_json(body))
        version = None if request.version is None else str(request.version)
        chosen = self._desk.choose(Asked(caller, ROUTE, request.model, version, request.alias, request.subject))
        require_explainable(chosen.model, len(request.instances), request.wanted)
        frame = self._thorough.frame(request.instances, chosen.model)
        answered = self._desk.answer_frame(chosen, frame)
        start = time.perf_counter()
        explanations = explained(chosen.model, frame, _answers(answered), request.wanted)
        return self._written(answered, explanations, start)

    def _written(self, answered: Answered, explanations: list[dict[str, Any]], start: float) -> bytes:
        model, seconds, stages = answered.model, time.perf_counter() - start, STAGES.get()
        self._desk.meter.stage("explain", model.name, model.version, seconds)
        if stages is not None:
            stages.append(("explain", start, seconds))
        return _content(answered, explanations)


def explain_routes(desk: Desk, limits: Limits, prepared: PreparedVersions | None = None) -> APIRouter:
    """Return the route of explanations over one desk."""
    router, answers = APIRouter(), ExplainedAnswers(desk, limits, prepared or PreparedVersions())
    threads: list[CapacityLimiter] = []
    content = {"application/json": {"schema": request_schema()}}

    @router.post(
        "/v1/explain",
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
        content = await to_thread.run_sync(answers.answer, body, caller_of(request), limiter=threads[0])
        return Response(content, media_type=JSON)

    return router


def request_schema() -> dict[str, Any]:
    """Return the JSON schema of a request; its rows are the `Instance` of the loaded version's columns."""
    schema = ExplanationRequest.model_json_schema()
    schema["properties"]["instances"]["items"] = {"$ref": INSTANCE}
    return schema


def explained(
    model: ServedModel,
    frame: pd.DataFrame,
    answers: Answers,
    what: Wanted = Wanted(),  # noqa: B008 (frozen)
) -> list[dict[str, Any]]:
    """Explain answers to the rows of a typed frame, one JSON-ready :class:`ExplanationShape` per row.

    Ask :func:`require_explainable` first: nothing is refused here.
    """
    return [one.to_dict() for one in explainer_of(model).explain_frame(frame, answers, what)]


def explained_rows(
    model: ServedModel,
    rows: Sequence[Sequence[Value]],
    answers: Answers,
    what: Wanted = Wanted(),  # noqa: B008
) -> list[dict[str, Any]]:
    """Explain answers to rows of values that fit the columns, as :func:`explained`."""
    return [one.to_dict() for one in explainer_of(model).explain_rows(rows, answers, what)]


def require_explainable(model: ServedModel, rows: int, what: Wanted) -> None:
    """Refuse more rows than one call may have explained: 413, and 422 for counterfactuals."""
    explainer = explainer_of(model)
    if rows > explainer.most_rows:
        message = (
            f"The request holds {rows} rows; at most {explainer.most_rows} of this version are explained in one call. "
            "Send several requests."
        )
        raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_instances", message)
    if what.counterfactual and rows > explainer.most_ways:
        message = (
            f"The request asks for counterfactuals of {rows} rows; at most {explainer.most_ways} of this version are "
            "searched for in one call. Send several requests."
        )
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "too_many_counterfactuals", message)


def _request_of(document: Any) -> ExplanationRequest:
    message = (
        'The request has another shape than {"instances": [{…}], "counterfactual"?: …}. Mend what `findings` lists.'
    )
    if not isinstance(document, Mapping):
        message = 'The body is not a JSON object. Send {"instances": [{…}]}.'
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", message)
    try:
        return ExplanationRequest.model_validate(document)
    except ValidationError as error:
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", message, envelope_misfits(error)) from None


def _answers(answered: Answered) -> Answers:
    return Answers(answered.scores, answered.decisions)


def _content(answered: Answered, explanations: list[dict[str, Any]]) -> bytes:
    model, scores = answered.model, answered.scores.tolist()
    if not all(map(math.isfinite, scores)):
        raise FairMindError("a score is not finite. Serve another version of the model and look at its evidence.")
    decisions = [None] * len(scores) if answered.decisions is None else answered.decisions.tolist()
    threshold = model.bundle.info.threshold
    predictions = [
        {"id": name, "score": score, "decision": decision, "threshold": threshold, "explanation": explanation}
        for name, score, decision, explanation in zip(answered.ids, scores, decisions, explanations, strict=True)
    ]
    head = {"model": model.name, "version": model.version, "evidence": model.evidence}
    return _ENCODER.encode({**head, "predictions": predictions})
