"""How a command does its work: over the database that DATABASE_URL names, in one transaction."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar

import typer
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend.identity.caller import ROLES, Role
from apps.backend.people.texts import Email, Name
from apps.backend.settings import settings_of
from apps.backend.storage.database import Database
from apps.backend.storage.schema import is_current, upgrade

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
OrganisationName = Annotated[str, typer.Argument(metavar="ORGANISATION", help="Name, in any case, or id.")]
Result = TypeVar("Result")


class CommandError(Exception):
    """Ends a command: what was given does not fit; the message says what would."""


def written(work: Callable[[AsyncConnection], Awaitable[Result]], makes_tables: bool = False) -> Result:
    """Do `work` in one transaction that writes and return its result; `makes_tables`: in a database that may be new.

    Raises
    ------
    CommandError
        The tables are not those of this version.
    ProblemError
        What `work` raises; 503 the database does not answer.
    SettingError
        DATABASE_URL names no database that can be used.
    """

    async def over(database: Database) -> Result:
        async with database.writing() as connection:
            return await work(connection)

    return asyncio.run(_over_database(over, makes_tables))


def read(work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
    """As :func:`written`, where nothing is written."""

    async def over(database: Database) -> Result:
        async with database.reading() as connection:
            return await work(connection)

    return asyncio.run(_over_database(over, makes_tables=False))


async def _over_database(work: Callable[[Database], Awaitable[Result]], makes_tables: bool) -> Result:
    database = Database(settings_of().database, create=makes_tables)
    try:
        if makes_tables:
            await upgrade(database)
        elif not await is_current(database):
            raise CommandError("The database has the tables of another version. Run `fairmind-backend migrate` first.")
        return await work(database)
    finally:
        await database.close()


def fitting_name(value: str, what: str) -> str:
    """Return a name without spaces around it.

    Raises
    ------
    CommandError
        It is none; it is not in the message, which calls it `what`.
    """
    return _fitting(Name, value, f"{what} does not fit. Write 1 to 200 characters without control characters.")


def fitting_email(value: str, what: str) -> str:
    """As :func:`fitting_name`, of an email, which is returned as it is stored."""
    return _fitting(Email, value, f"{what} does not fit. Write an email, as ann@example.org.")


def _fitting(kind: Any, value: str, why: str) -> str:
    try:
        return str(TypeAdapter(kind).validate_python(value))
    except ValidationError:
        raise CommandError(why) from None  # the error before holds the value


def role_of(role: str) -> Role:
    """Return a role by its name.

    Raises
    ------
    CommandError
        There is none of this name.
    """
    found: Role | None = next((known for known in ROLES if known == role), None)
    if found is None:
        raise CommandError(f"--role does not fit. Write one of {', '.join(ROLES)}.")
    return found


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON document."""
    print(json.dumps(content, ensure_ascii=False))
