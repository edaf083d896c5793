"""Answering one native prediction request: parse, check, score, put into shape. Runs in a worker thread."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from apps.ml.deployment.identifiers import prediction_id
from apps.ml.deployment.limits import Limits
from apps.ml.deployment.refusals import RefusalError, misfit_of
from apps.ml.deployment.request_body import parse_json
from apps.ml.deployment.request_schema import Envelope, envelope_misfits, row_misfits
from apps.ml.deployment.scoring import Scored, score_records
from apps.ml.deployment.served_model import ServedModel
from apps.ml.errors import RequestError


def answer_prediction(body: bytes, model: ServedModel, limits: Limits) -> dict[str, Any]:
    """Return the content of the answer, in the shape of :class:`~apps.ml.deployment.schemas.PredictionAnswer`.

    Raises
    ------
    RefusalError
        400 not JSON, 404 another model is asked for, 413 too many rows, 422 rows that do not fit.
    """
    envelope = _envelope(parse_json(body))
    _require_served(envelope, model)
    _require_few(len(envelope.instances), limits)
    try:
        scored = score_records(model, envelope.instances)
    except RequestError as error:
        raise _located(error, envelope.instances, model, limits) from None
    return _answer(model, scored)


def _envelope(document: Any) -> Envelope:
    if not isinstance(document, Mapping):
        raise _unprocessable('The body is not a JSON object. Send {"instances": [{…}]}.')
    try:
        return Envelope.model_validate(document)
    except ValidationError as error:
        message = 'The request has another shape than {"instances": [{…}]}. Mend what `findings` lists.'
        raise _unprocessable(message, error) from None


def _unprocessable(message: str, error: ValidationError | None = None) -> RefusalError:
    misfits = envelope_misfits(error) if error else []
    return RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", message, misfits)


def _require_served(envelope: Envelope, model: ServedModel) -> None:
    """A request may say which model it means; an answer from another one would be a lie."""
    served = {"model": model.name, "version": model.version, "alias": model.alias}
    for key, value in served.items():
        asked = getattr(envelope, key)
        if asked is not None and str(asked) != value:
            there = f"'{value}'" if value else "none"
            message = f"The request asks for another {key} than is served here ({there}). See /v1/models."
            raise RefusalError(HTTPStatus.NOT_FOUND, "not_served", message)


def _require_few(rows: int, limits: Limits) -> None:
    if rows > limits.instances:
        message = f"The request holds {rows} rows; at most {limits.instances} are taken. Send several requests."
        raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_instances", message)


def _located(error: RequestError, rows: list[Any], model: ServedModel, limits: Limits) -> RefusalError:
    """Say row by row what the request frame found by column; only a request that is refused pays for this."""
    misfits = row_misfits(rows, model.row_model, model.bundle.info.columns, limits)
    misfits = misfits or [misfit_of(finding) for finding in error.findings]
    least = "at least " if len(misfits) >= limits.findings else ""
    message = f"The rows do not fit the model's signature ({least}{len(misfits)} findings). Mend what is listed."
    return RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", message, misfits)


def _answer(model: ServedModel, scored: Scored) -> dict[str, Any]:
    threshold = model.bundle.info.threshold
    decisions = [None] * len(scored.scores) if scored.decisions is None else scored.decisions.tolist()
    pairs = zip(scored.scores.tolist(), decisions, strict=True)
    predictions = [
        {"id": prediction_id(), "score": score, "decision": decision, "threshold": threshold}
        for score, decision in pairs
    ]
    return {"model": model.name, "version": model.version, "evidence": model.evidence, "predictions": predictions}
