"""What people do about a decision: appeals and their answers, overrules. The decision itself stays as it was made."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.appending import append
from apps.backend.decisions.answers import Appeal, AppealAnswer, Overrule
from apps.backend.decisions.beside import overrule_of
from apps.backend.decisions.bodies import AppealAnswered, FiledAppeal, MadeOverrule
from apps.backend.decisions.reading import decision_row
from apps.backend.decisions.tables import appeal_answers, appeals, overrules
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Caller
from apps.backend.parts import Parts
from apps.backend.problems import ProblemError, not_found
from apps.backend.protection.repeats import keep
from apps.backend.storage.pages import Page, rows_of_page

MOST_APPEALS = 100
"""Of one decision, answered or not."""

_ANSWER = ("created_at", "answered_by", "answered_by_name", "upheld", "words")


async def file_appeal(parts: Parts, caller: Caller, decision: str, filed: FiledAppeal) -> Appeal:
    """Write an appeal down and return it.

    Raises
    ------
    ProblemError
        404 there is no such decision; 409 it has :data:`MOST_APPEALS` appeals.
    """
    async with parts.database.writing() as connection:
        await decision_row(connection, caller, decision, lock=True)
        count = select(func.count()).where(appeals.c.decision_id == decision)
        if (await connection.execute(count)).scalar_one() >= MOST_APPEALS:
            detail = f"The decision has {MOST_APPEALS} appeals. Answer those, or overrule the decision."
            raise ProblemError(HTTPStatus.CONFLICT, "too_many_appeals", detail)
        row = {**_made(caller, decision), **_by(caller, "filed_by"), "grounds": filed.grounds}
        appeal = _appeal({**row, "answer_created_at": None})
        await connection.execute(appeals.insert(), row)
        await keep(connection, appeal)
        await append(connection, caller, "appeal.filed", f"decision:{decision}", {"appeal": appeal.id})
    return appeal


async def list_appeals(parts: Parts, caller: Caller, decision: str, limit: int, cursor: str | None) -> Page[Appeal]:
    """Return a page of a decision's appeals, the newest first."""
    async with parts.database.reading() as connection:
        await decision_row(connection, caller, decision)
        query = _with_answers().where(appeals.c.decision_id == decision)
        rows, following = await rows_of_page(connection, query, appeals.c.id, limit, cursor)
    return Page(items=[_appeal(row) for row in rows], next_cursor=following)


async def read_appeal(parts: Parts, caller: Caller, decision: str, name: str) -> Appeal:
    """Return one appeal of a decision; 404 where there is none."""
    async with parts.database.reading() as connection:
        return _appeal(await _appeal_row(connection, caller, decision, name))


async def answer_appeal(parts: Parts, caller: Caller, decision: str, name: str, answered: AppealAnswered) -> Appeal:
    """Answer an appeal, once, and return it with its answer.

    Raises
    ------
    ProblemError
        404 there is no such appeal of this decision; 403 the caller filed it; 409 it is answered.
    """
    async with parts.database.writing() as connection:
        row = await _appeal_row(connection, caller, decision, name)
        _require_open_and_anothers(row, caller)
        answer = {
            "appeal_id": name,
            "organisation_id": caller.organisation,
            "created_at": moments.now(),
            **_by(caller, "answered_by"),
            "upheld": answered.upheld,
            "words": answered.words,
        }
        try:
            await connection.execute(appeal_answers.insert(), answer)
        except IntegrityError as error:
            raise _answered() from error
        appeal = _appeal({**row, **{f"answer_{column}": answer[column] for column in _ANSWER}})
        await keep(connection, appeal)
        about = {"appeal": name, "upheld": answered.upheld}
        await append(connection, caller, "appeal.answered", f"decision:{decision}", about)
    return appeal


async def overrule_decision(parts: Parts, caller: Caller, decision: str, made: MadeOverrule) -> Overrule:
    """Write a person's decision beside the model's and return it; the last one stands.

    Raises
    ------
    ProblemError
        404 there is no such decision; 403 the caller asked for it; 409 the model predicted a number.
    """
    async with parts.database.writing() as connection:
        overruled = await decision_row(connection, caller, decision, lock=True)
        if overruled["decision"] is None:
            detail = "The model predicts a number and decides nothing, so that there is nothing to overrule."
            raise ProblemError(HTTPStatus.CONFLICT, "nothing_decided", detail)
        if overruled["asked_by"] == caller.actor:
            detail = "You asked for this decision. Let another approver of your organisation look at it."
            raise ProblemError(HTTPStatus.FORBIDDEN, "own_decision", detail)
        row = {**_made(caller, decision), **_by(caller, "overruled_by"), **made.model_dump()}
        overrule = overrule_of(overruled, row)
        await connection.execute(overrules.insert(), row)
        await keep(connection, overrule)
        await append(connection, caller, "decision.overruled", f"decision:{decision}", {"overrule": overrule.id})
    return overrule


async def list_overrules(parts: Parts, caller: Caller, decision: str, limit: int, cursor: str | None) -> Page[Overrule]:
    """Return a page of a decision's overrules, the last first."""
    async with parts.database.reading() as connection:
        overruled = await decision_row(connection, caller, decision)
        query: Select[Any] = select(overrules).where(overrules.c.decision_id == decision)
        rows, following = await rows_of_page(connection, query, overrules.c.id, limit, cursor)
    return Page(items=[overrule_of(overruled, row) for row in rows], next_cursor=following)


async def last_appeals(connection: AsyncConnection, decision: str, most: int) -> list[Appeal]:
    """Return the last appeals of a decision that the caller may see, the first of them first."""
    query = _with_answers().where(appeals.c.decision_id == decision).order_by(appeals.c.id.desc()).limit(most)
    return [_appeal(row) for row in reversed((await connection.execute(query)).mappings().all())]


async def _appeal_row(connection: AsyncConnection, caller: Caller, decision: str, name: str) -> Mapping[str, Any]:
    query = _with_answers().where(
        appeals.c.id == name,
        appeals.c.decision_id == decision,
        appeals.c.organisation_id == caller.organisation,
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise not_found("appeal")
    return dict(row)


def _require_open_and_anothers(row: Mapping[str, Any], caller: Caller) -> None:
    if row["filed_by"] == caller.actor:
        detail = "You filed this appeal. Let another approver of your organisation answer it."
        raise ProblemError(HTTPStatus.FORBIDDEN, "own_appeal", detail)
    if row["answer_created_at"] is not None:
        raise _answered()


def _answered() -> ProblemError:
    detail = "The appeal is answered. File another one where there is more to say."
    return ProblemError(HTTPStatus.CONFLICT, "appeal_answered", detail)


def _with_answers() -> Select[Any]:
    answers = [appeal_answers.c[column].label(f"answer_{column}") for column in _ANSWER]
    return select(appeals, *answers).join(appeal_answers, appeal_answers.c.appeal_id == appeals.c.id, isouter=True)


def _appeal(row: Mapping[str, Any]) -> Appeal:
    answer = None
    if row["answer_created_at"] is not None:
        told = {column: row[f"answer_{column}"] for column in _ANSWER}
        answer = AppealAnswer.model_validate({**told, "answered_at": moments.to_text(told["created_at"])})
    return Appeal.model_validate({**row, "filed_at": moments.to_text(row["created_at"]), "answer": answer})


def _made(caller: Caller, decision: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "organisation_id": caller.organisation,
        "created_at": moments.now(),
        "decision_id": decision,
    }


def _by(caller: Caller, name: str) -> dict[str, str]:
    return {name: caller.actor, f"{name}_name": caller.name}
