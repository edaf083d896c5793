"""What the server's answers must look like; docs/contracts/model_server.openapi.json is the same contract in full."""

from collections.abc import Callable
from typing import Any, TypeVar

from apps.ml.deployment.client.answers import Column, Prediction, Predictions, Readiness, ServedVersion
from apps.ml.deployment.client.checks import (
    NotTheContractError,
    each,
    flag,
    mapping,
    number,
    one_of,
    optional,
    record,
    text,
    whole,
)
from apps.ml.deployment.client.errors import Misfit

T = TypeVar("T")
Read = Callable[[Any], T]
"""Returns what a parsed answer says, or raises :class:`NotTheContractError`."""

_PREDICTION = record(Prediction, id=text, score=number, decision=optional(one_of(0, 1)), threshold=optional(number))
_PREDICTIONS = record(
    Predictions, model=text, version=optional(text), evidence=optional(text), predictions=each(_PREDICTION)
)
_COLUMN = record(
    Column,
    name=text,
    type=one_of("integer", "number", "boolean", "string"),
    nullable=flag,
    description=text,
    minimum=optional(number),
    maximum=optional(number),
    categories=each(text),
    sensitive=flag,
)
_VERSION = record(
    ServedVersion,
    name=text,
    version=optional(text),
    alias=optional(text),
    evidence=optional(text),
    bundle=text,
    title=text,
    estimator=text,
    task=one_of("binary_classification", "regression"),
    threshold=optional(number),
    favourable=one_of("positive", "negative"),
    positive_name=text,
    negative_name=text,
    columns=each(_COLUMN),
)
_MODELS = record(lambda models: models, models=each(_VERSION))
_READINESS = record(Readiness, ready=flag, state=text, reason=optional(text))
_MISFIT = record(Misfit, row=optional(whole), column=optional(text), problem=text, expected=optional(text))
_REFUSAL = record(
    lambda code, message, findings: (code, message, findings), code=text, message=text, findings=each(_MISFIT)
)


def predictions_of(rows: int) -> Read[Predictions]:
    """Return the reader of an answer to `rows` rows."""

    def read(document: Any) -> Predictions:
        found: Predictions = _PREDICTIONS(document, "")
        if len(found.predictions) != rows:
            raise NotTheContractError(f"{rows} rows were asked about and {len(found.predictions)} answered")
        if len({prediction.id for prediction in found.predictions}) != rows:
            raise NotTheContractError("two predictions have the same id")
        if any((prediction.decision is None) != (prediction.threshold is None) for prediction in found.predictions):
            raise NotTheContractError("a decision stands without its threshold, or a threshold without its decision")
        return found

    return read


def models_of(document: Any) -> tuple[ServedVersion, ...]:
    """Return the served versions of an answer of /v1/models."""
    models: tuple[ServedVersion, ...] = _MODELS(document, "")
    return models


def readiness_of(document: Any) -> Readiness:
    """Return the readiness of an answer of /readyz."""
    found: Readiness = _READINESS(document, "")
    return found


def refusal_of(document: Any) -> tuple[str, str, tuple[Misfit, ...]]:
    """Return code, message and findings of an error."""
    refusal: tuple[str, str, tuple[Misfit, ...]] = _REFUSAL(mapping(document, "").get("error"), "error")
    return refusal
