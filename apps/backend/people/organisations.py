"""Organisations and the models that they may use: made, granted and withdrawn by the operator."""

from dataclasses import dataclass
from http import HTTPStatus

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.appending import OPERATOR, append
from apps.backend.identifiers import new_id
from apps.backend.identity.caller import Caller
from apps.backend.identity.grants import granted_models
from apps.backend.identity.tables import model_grants, users
from apps.backend.problems import Misfit, ProblemError
from apps.backend.storage.tables import FOLDED_LENGTH, folded, organisations


@dataclass(frozen=True)
class Organisation:
    """An organisation as the operator sees it; `users`: how many there are, active or not."""

    id: str
    name: str
    created_at: int
    users: int
    models: tuple[str, ...]


def operator_of(organisation: str) -> Caller:
    """Return the operator as whoever acts on an organisation."""
    return Caller(organisation, OPERATOR, OPERATOR, "admin")


async def create_organisation(connection: AsyncConnection, name: str) -> Caller:
    """Make an organisation and return the operator as its caller; the caller of this commits.

    Raises
    ------
    ProblemError
        409 `name_taken` another has this name, or one that differs in case, width or spaces alone.
        422 `misfit` the name is too long when its characters are written out.
    """
    if len(folded(name)) > FOLDED_LENGTH:
        misfits = [Misfit(location="name", problem="it is too long", expected="at most 200 characters")]
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", "The name is too long. Shorten it.", misfits)
    by = operator_of(new_id())
    row = {"id": by.organisation, "name": name, "created_at": moments.now()}
    try:
        await connection.execute(organisations.insert(), row)
    except IntegrityError as error:
        detail = "There is an organisation of this name already. Choose another name."
        raise ProblemError(HTTPStatus.CONFLICT, "name_taken", detail) from error
    await append(connection, by, "organisation.created", f"organisation:{by.organisation}")
    return by


async def find_organisation(connection: AsyncConnection, name_or_id: str) -> Caller:
    """Return the operator as the caller of the organisation with this name, in any case, or this id.

    Raises
    ------
    ProblemError
        404 there is none.
    """
    query = select(organisations.c.id).where(
        or_(organisations.c.folded_name == folded(name_or_id), organisations.c.id == name_or_id)
    )
    found = (await connection.execute(query)).scalars().first()
    if found is None:
        detail = "There is no such organisation. `fairmind-backend organisations list` lists them."
        raise ProblemError(HTTPStatus.NOT_FOUND, "not_found", detail)
    return operator_of(found)


async def list_organisations(connection: AsyncConnection) -> list[Organisation]:
    """Return all organisations of the installation, the oldest first."""
    counting = select(users.c.organisation_id, func.count().label("users")).group_by(users.c.organisation_id)
    counted = {row.organisation_id: row.users for row in await connection.execute(counting)}
    rows = (await connection.execute(select(organisations).order_by(organisations.c.id))).all()
    return [
        Organisation(
            row.id,
            row.name,
            row.created_at,
            counted.get(row.id, 0),
            tuple(await granted_models(connection, row.id)),
        )
        for row in rows
    ]


async def name_of_organisation(connection: AsyncConnection, organisation: str) -> str:
    """Return the name of the organisation with this id."""
    query = select(organisations.c.name).where(organisations.c.id == organisation)
    return str((await connection.execute(query)).scalar_one())


async def grant_model(connection: AsyncConnection, by: Caller, model: str) -> bool:
    """Let the organisation use a model; return whether it could not before."""
    await lock_organisation(connection, by.organisation)
    if model in await granted_models(connection, by.organisation):
        return False
    row = {"organisation_id": by.organisation, "model": model, "created_at": moments.now()}
    await connection.execute(model_grants.insert(), row)
    await append(connection, by, "model.granted", f"model:{model}")
    return True


async def withdraw_model(connection: AsyncConnection, by: Caller, model: str) -> bool:
    """Take a model from the organisation; return whether it could use it before."""
    query = model_grants.delete().where(
        model_grants.c.organisation_id == by.organisation, model_grants.c.model == model
    )
    if (await connection.execute(query)).rowcount == 0:
        return False
    await append(connection, by, "model.withdrawn", f"model:{model}")
    return True


async def lock_organisation(connection: AsyncConnection, organisation: str) -> None:
    """Let nobody else change who belongs to the organisation until this transaction ends."""
    query = select(organisations.c.id).where(organisations.c.id == organisation).with_for_update(key_share=True)
    await connection.execute(query)
