"""What the server's answers must look like; docs/contracts/model_server.openapi.json is the same contract in full."""

from collections.abc import Callable
from typing import Any, TypeVar

from apps.ml.deployment.client.answers import Column, Prediction, Predictions, Readiness, ServedVersion
from apps.ml.deployment.client.checks import (
    Check,
    NotTheContractError,
    each,
    flag,
    mapping,
    number,
    number_or_text,
    one_of,
    optional,
    record,
    text,
    texts_by_name,
    whole,
)
from apps.ml.deployment.client.errors import Misfit
from apps.ml.deployment.client.explanations import Change, Contribution, Counterfactual, Explanation, Reason

T = TypeVar("T")
Read = Callable[[Any], T]
"""Returns what a parsed answer says, or raises :class:`NotTheContractError`."""

_CONTRIBUTION = record(Contribution, column=text, contribution=number)
_REASON = record(Reason, code=text, column=text, direction=one_of("low", "high", "missing", "category"), words=text)
_CHANGE = record(
    Change,
    column=text,
    direction=one_of("increase", "decrease", "change"),
    value=number_or_text,
    deviations=number,
)
_EXPLANATION = record(
    Explanation,
    output=optional(one_of("log-odds", "probability", "value")),
    base=optional(number),
    contributions=optional(each(_CONTRIBUTION)),
    method=optional(text),
    sampling_error=optional(number),
    reasons=optional(each(_REASON)),
    reasons_method=optional(text),
    strongest_withheld=optional(flag),
    counterfactual=optional(record(Counterfactual, changes=each(_CHANGE), cost=number)),
    undefined=texts_by_name,
)
_ANSWER: dict[str, Check] = {
    "id": text,
    "score": number,
    "decision": optional(one_of(0, 1)),
    "threshold": optional(number),
}
_HEAD: dict[str, Check] = {"model": text, "version": optional(text), "evidence": optional(text)}
_PREDICTIONS = record(Predictions, **_HEAD, predictions=each(record(Prediction, **_ANSWER)))
_EXPLAINED = record(Predictions, **_HEAD, predictions=each(record(Prediction, **_ANSWER, explanation=_EXPLANATION)))
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
_READINESS = record(Readiness, ready=flag, state=text, reason=optional(text), notes=each(text))
_ACCEPTED = record(lambda accepted: accepted, accepted=whole)
_MISFIT = record(Misfit, row=optional(whole), column=optional(text), problem=text, expected=optional(text))
_REFUSAL = record(
    lambda code, message, findings: (code, message, findings), code=text, message=text, findings=each(_MISFIT)
)


def predictions_of(rows: int, explained: bool = False) -> Read[Predictions]:
    """Return the reader of an answer to `rows` rows, each with its explanation where that was asked for."""

    def read(document: Any) -> Predictions:
        found: Predictions = (_EXPLAINED if explained else _PREDICTIONS)(document, "")
        if len(found.predictions) != rows:
            raise NotTheContractError(f"{rows} rows were asked about and {len(found.predictions)} answered")
        if len({prediction.id for prediction in found.predictions}) != rows:
            raise NotTheContractError("two predictions have the same id")
        if any((prediction.decision is None) != (prediction.threshold is None) for prediction in found.predictions):
            raise NotTheContractError("a decision stands without its threshold, or a threshold without its decision")
        return found

    return read


def accepted_of(outcomes: int) -> Read[int]:
    """Return the reader of an answer to a report of so many outcomes; all are taken or none."""

    def read(document: Any) -> int:
        accepted: int = _ACCEPTED(document, "")
        if accepted != outcomes:
            raise NotTheContractError(f"{outcomes} outcomes were reported and {accepted} accepted")
        return accepted

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
