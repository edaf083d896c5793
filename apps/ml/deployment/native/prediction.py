"""Answering one prediction request the thorough way: every misfit is found and named. Runs in a worker thread."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel, ValidationError

from apps.ml.deployment.answering.desk import Desk
from apps.ml.deployment.explaining.explained import explained, require_explainable
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.deployment.native.prepared import PreparedVersions
from apps.ml.deployment.native.request_schema import (
    MOST_MISFITS,
    Envelope,
    envelope_misfits,
    row_misfits,
    with_few_unknown,
)
from apps.ml.deployment.requests.caller import Asked, Caller
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError, misfit_of
from apps.ml.deployment.requests.request_body import parse_json
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.errors import RequestError
from apps.ml.features.request_frame import frame_from_records

ROUTE = "predict"
Requested = TypeVar("Requested", bound=BaseModel)


class ThoroughAnswers:
    """Answers JSON bodies of any kind."""

    def __init__(self, desk: Desk, limits: Limits, prepared: PreparedVersions) -> None:
        self._desk, self._limits, self._prepared = desk, limits, prepared

    def answer(self, body: bytes, caller: Caller) -> bytes:
        """Return the answer to a JSON body, in the shape of `schemas.PredictionAnswer`.

        Raises
        ------
        RefusalError
            400 not JSON, 403 explanations without their scope, 404 another model is asked for, 413 too many rows, 422
            rows that do not fit, 503 no model or no room in the prediction log.
        """
        envelope = envelope_of(parse_json(body))
        version = None if envelope.version is None else str(envelope.version)
        asked = Asked(caller, ROUTE, envelope.model, version, envelope.alias, envelope.subject)
        chosen = self._desk.choose(asked)
        if envelope.explain:
            require_scope(caller, "explain")
            require_explainable(chosen.model, len(envelope.instances), Wanted())
        frame = self.frame(envelope.instances, chosen.model)
        answered = self._desk.answer_frame(chosen, frame)
        writer = self._prepared.of(chosen.model).writer
        if not envelope.explain:
            return writer.many(answered)
        return writer.many(answered, explained(chosen.model, frame, answered.answers))

    def frame(self, rows: list[Any], model: ServedModel) -> pd.DataFrame:
        """Return the typed frame of rows; :class:`RefusalError` 413 or 422 names what does not fit."""
        require_few(len(rows), self._limits)
        try:
            return frame_from_records(rows, model.bundle.info.columns)
        except RequestError as error:
            raise self._located(error, rows, model) from None

    def _located(self, error: RequestError, rows: list[Any], model: ServedModel) -> RefusalError:
        """Say row by row what the request frame found by column; only a request that is refused pays for this."""
        limits, schema = self._limits, self._prepared.of(model).row_model
        misfits = row_misfits(rows, schema, model.bundle.info.columns, limits)
        misfits = misfits or [misfit_of(finding) for finding in error.findings]
        least = "at least " if len(misfits) >= limits.findings else ""
        message = f"The rows do not fit the model's signature ({least}{len(misfits)} findings). Mend what is listed."
        return RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", message, misfits)


def envelope_of(document: Any) -> Envelope:
    """Return the checked envelope of a parsed body; :class:`RefusalError` 422 where it has another shape."""
    return requested(document, Envelope, '{"instances": [{…}]}')


def requested(document: Any, shape: type[Requested], form: str) -> Requested:
    """Return a parsed body in the shape of its route; `form`: how that is written.

    Raises
    ------
    RefusalError
        422 another shape.
    """
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if not isinstance(document, Mapping):
        raise RefusalError(status, "misfit", 'The body is not a JSON object. Send {"instances": [{…}]}.')
    try:
        return shape.model_validate(with_few_unknown(document, shape.model_fields, MOST_MISFITS))
    except ValidationError as error:
        message = f"The request has another shape than {form}. Mend what `findings` lists."
        raise RefusalError(status, "misfit", message, envelope_misfits(error)) from None


def require_few(rows: int, limits: Limits) -> None:
    """Refuse more rows than one request may hold (413)."""
    if rows > limits.instances:
        message = f"The request holds {rows} rows; at most {limits.instances} are taken. Send several requests."
        raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_instances", message)


def require_scope(caller: Caller, scope: str) -> None:
    """Refuse what the caller's key does not allow (403)."""
    if scope not in caller.scopes:
        message = f"The API key lacks the scope `{scope}`. Ask the operator of the server for a key that has it."
        raise RefusalError(HTTPStatus.FORBIDDEN, "scope_missing", message)
