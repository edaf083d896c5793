"""`fairmind-backend organisations`: made with their first admin, and listed."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.people.commands.chosen_password import Generate, choose_password
from apps.backend.people.commands.running import Json, fitting_email, fitting_name, print_json, read, written
from apps.backend.people.organisations import Organisation, create_organisation, list_organisations
from apps.backend.people.users import Person, User, store_user

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
DATE = len("2026-01-31")


@app.callback()
def organisations() -> None:
    """Organisations of this installation."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Unlike any other; case does not tell names apart.")],
    admin: Annotated[str, typer.Option(metavar="EMAIL", help="Email of the first admin.")],
    admin_name: Annotated[str | None, typer.Option(help="Name of the first admin. Default: the email.")] = None,
    generate_password: Generate = False,
    as_json: Json = False,
) -> None:
    """Make an organisation with its first admin; makes the tables too where there are none."""
    organisation, email = fitting_name(name, "NAME"), fitting_email(admin, "--admin")
    person = fitting_name(admin_name or email[:200], "--admin-name")
    password = choose_password(generate_password, (organisation, email, person))
    first = Person(email=email, name=person, role="admin")

    async def work(connection: AsyncConnection) -> tuple[str, User]:
        by = await create_organisation(connection, organisation)
        return by.organisation, await store_user(connection, by, first, password.stored)

    made, user = written(work, makes_tables=True)
    if as_json:
        drawn = {} if password.generated is None else {"password": password.generated}
        print_json({"id": made, "name": organisation, "admin": {"id": user.id, "email": user.email}, **drawn})
        return
    print(f"Made {organisation} ({made}) with the admin {user.email}.", file=sys.stderr)
    if password.generated is not None:
        print("The admin's password, which is not shown again:", file=sys.stderr)
        print(password.generated)


@app.command("list")
def list_all(as_json: Json = False) -> None:
    """List the organisations with how many users they have and which models they may use."""
    found = read(list_organisations)
    if as_json:
        print_json({"organisations": [_content(each) for each in found]})
        return
    table = Table(title=f"Organisations: {len(found)}", title_justify="left")
    for heading in ("name", "id", "users", "models", "made (UTC)"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "id")
    for each in found:
        models = ", ".join(each.models) or "none"
        table.add_row(each.name, each.id, str(each.users), models, moments.to_text(each.created_at)[:DATE])
    Console(markup=False).print(table)


def _content(found: Organisation) -> dict[str, object]:
    return {
        "id": found.id,
        "name": found.name,
        "users": found.users,
        "models": list(found.models),
        "created_at": moments.to_text(found.created_at),
    }
