"""`fairmind-backend users`: the way back in for an organisation whose admins lost their passwords."""

import sys
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend.identity.tables import users as user_rows
from apps.backend.people.commands.chosen_password import Generate, choose_password
from apps.backend.people.commands.running import (
    CommandError,
    Json,
    OrganisationName,
    fitting_email,
    print_json,
    read,
    written,
)
from apps.backend.people.organisations import find_organisation, name_of_organisation
from apps.backend.people.users import User, store_changes

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def users() -> None:
    """Users, where no admin of theirs can help."""


@app.command("set-password")
def set_password(
    organisation: OrganisationName,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Email of the user.")],
    generate_password: Generate = False,
    as_json: Json = False,
) -> None:
    """Give a user a new password, let the user sign in again, and end the user's sessions."""
    address = fitting_email(email, "EMAIL")

    async def known(connection: AsyncConnection) -> tuple[str, str]:
        by = await find_organisation(connection, organisation)
        return await name_of_organisation(connection, by.organisation), await _id(connection, by.organisation, address)

    name, user = read(known)
    password = choose_password(generate_password, (name, address))

    async def work(connection: AsyncConnection) -> User:
        by = await find_organisation(connection, organisation)
        return await store_changes(connection, by, user, {"password": password.stored, "is_active": True})

    changed = written(work)
    if as_json:
        drawn = {} if password.generated is None else {"password": password.generated}
        print_json({"id": changed.id, "email": changed.email, "role": changed.role, **drawn})
        return
    print(f"{changed.email} ({changed.role}) has a new password; all sessions of before are ended.", file=sys.stderr)
    if password.generated is not None:
        print(password.generated)


async def _id(connection: AsyncConnection, organisation: str, email: str) -> str:
    query = select(user_rows.c.id).where(user_rows.c.organisation_id == organisation, user_rows.c.email == email)
    found = (await connection.execute(query)).scalar()
    if found is None:
        raise CommandError("The organisation has no user of this email. An admin of it can make one.")
    return str(found)
