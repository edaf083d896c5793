"""Asking for a decision: the model answers, and the answer is written down with everything that it rests on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from apps.backend import moments
from apps.backend.audit_log.appending import Deed
from apps.backend.decisions.answers import Decision, kind_of
from apps.backend.decisions.bodies import AskedDecision
from apps.backend.decisions.book import Book, Entry, write_all
from apps.backend.decisions.granted import Granted
from apps.backend.decisions.reading import decision_of
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Caller
from apps.backend.observation.request_ids import REQUEST_ID
from apps.backend.parts import Parts
from apps.backend.problems import Misfit, ProblemError
from apps.backend.protection.repeats import keep
from apps.backend.upstreams.model_server import Answered
from apps.ml.deployment.client import Explanation

MOST_BYTES = 64 << 10
MOST_MISFITS = 50
LONGEST_COLUMN = 100
PLAIN = (str, int, float, bool, type(None))
EXPECTED = "a text, a number, true, false or null"


class Desk:
    """Where applications are decided; to be used in one event loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._granted, self._book = Granted(parts.database), Book(parts.database)

    async def decide(self, caller: Caller, asked: AskedDecision, *, is_keyed: bool = False) -> Decision:
        """Return the decision about an application, once it is written down in one transaction with the audit log.

        Parameters
        ----------
        is_keyed
            Whether the request has an `Idempotency-Key`, whose answer is kept in a transaction of its own.

        Raises
        ------
        ProblemError
            404 the model is not granted to the organisation; 422 the application does not fit; 503 the model server
            gives no answer that can be stood by. Then there is no decision, and the audit log tells of the 503.
        """
        require_sendable(asked.application)
        await self._granted.require(caller.organisation, asked.model)
        try:
            answered = await self._answer(caller, asked)
        except ProblemError as problem:
            if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
                await self._book.write(_failure(caller, asked.model, problem.code))
            raise
        row = _row(caller, asked, answered)
        decision = decision_of(row)
        if is_keyed:
            async with self._parts.database.writing() as connection:
                await keep(connection, decision)
                await write_all(connection, [_entry(caller, row)])
        else:
            await self._book.write(_entry(caller, row))
        return decision

    async def _answer(self, caller: Caller, asked: AskedDecision) -> Answered:
        return await self._parts.model_server.explain(
            asked.model,
            asked.application,
            subject_at_the_model_server(caller.organisation, asked.subject),
            counterfactual=asked.counterfactual,
        )


def require_sendable(application: Mapping[str, Any]) -> None:
    """Refuse an application that no model could read, by the columns that are at fault and never by their values.

    NaN, infinities and halves of characters never come here: `protection.json_text` refuses them.

    Raises
    ------
    ProblemError
        422 a value is no plain value; 413 all of it is longer than 64 KB as compact JSON.
    """
    misfits = [
        Misfit(location=f"body.application.{column[:LONGEST_COLUMN]}", problem="no plain value", expected=EXPECTED)
        for column, value in application.items()
        if not isinstance(value, PLAIN)
    ]
    if misfits:
        detail = "The application does not fit. Mend what `errors` lists."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", detail, misfits[:MOST_MISFITS])
    if len(json.dumps(application, ensure_ascii=False, separators=(",", ":")).encode()) > MOST_BYTES:
        detail = f"The application is longer than {MOST_BYTES:,} bytes. Send the columns of the model alone."
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "application_too_large", detail)


def subject_at_the_model_server(organisation: str, subject: str | None) -> str | None:
    """Return the name under which the model server knows a subject: sha256 of organisation, line feed and subject.

    Two organisations that name their cases alike are then two, in the arms of a split and when rows are erased; and
    no name of a person leaves the backend.
    """
    if subject is None:
        return None
    return hashlib.sha256(f"{organisation}\n{subject}".encode()).hexdigest()


def _row(caller: Caller, asked: AskedDecision, answered: Answered) -> dict[str, Any]:
    prediction, meaning = answered.prediction, answered.meaning
    explanation = _explanation(answered.explanation)
    favourable = None if prediction.decision is None else int(meaning.favourable == "positive")
    outcome = kind_of(prediction.decision, favourable)
    if outcome is None:
        explanation["undefined"]["outcome"] = "The model predicts a number and decides nothing."
    return {
        "id": new_id(),
        "organisation_id": caller.organisation,
        "created_at": moments.now(),
        "asked_by": caller.actor,
        "asked_by_name": caller.name,
        "request_id": REQUEST_ID.get(),
        "subject": asked.subject,
        "model": answered.model,
        "version": answered.version,
        "evidence": answered.evidence,
        "prediction_id": prediction.id,
        "score": prediction.score,
        "decision": prediction.decision,
        "threshold": prediction.threshold,
        "favourable_decision": favourable,
        "outcome": outcome,
        "positive_name": meaning.positive_name,
        "negative_name": meaning.negative_name,
        "application": asked.application,
        "explanation": explanation,
    }


def _explanation(told: Explanation) -> dict[str, Any]:
    """Return the explanation as it is stored, under the names of `answers.Decision`."""
    counterfactual = told.counterfactual
    names = ("output", "base", "method", "sampling_error", "reasons_method", "strongest_withheld")
    return {
        **{name: getattr(told, name) for name in names},
        "contributions": _objects(told.contributions, "column", "contribution"),
        "reasons": _objects(told.reasons, "code", "column", "direction", "words"),
        "counterfactual": counterfactual
        and {
            "changes": _objects(counterfactual.changes, "column", "direction", "value", "deviations"),
            "cost": counterfactual.cost,
        },
        "undefined": dict(told.undefined),
    }


def _objects(entries: Sequence[object] | None, *names: str) -> list[dict[str, Any]] | None:
    return None if entries is None else [{name: getattr(entry, name) for name in names} for entry in entries]


def _entry(caller: Caller, row: dict[str, Any]) -> Entry:
    about = {name: row[name] for name in ("model", "version", "evidence", "prediction_id")}
    return Entry(caller.organisation, Deed(caller.actor, "decision.made", f"decision:{row['id']}", about), row)


def _failure(caller: Caller, model: str, code: str) -> Entry:
    about = {"model": model, "code": code}
    return Entry(caller.organisation, Deed(caller.actor, "decision.failed", f"model:{model}", about))
