"""`fairmind-backend keys`: service keys for the first programs of an organisation."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend.people.commands.running import Json, OrganisationName, fitting_name, print_json, role_of, written
from apps.backend.people.organisations import find_organisation
from apps.backend.people.service_keys import LONGEST_LIFE, NewServiceKey, ShownServiceKey, create_key

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
NEVER = "never"


@app.callback()
def keys() -> None:
    """Service keys: what programs show in place of a session."""


@app.command()
def create(
    organisation: OrganisationName,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Unlike that of any other key of the organisation.")],
    role: Annotated[str, typer.Option(help="viewer, analyst, approver or admin.")],
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=LONGEST_LIFE.days - 1, help="Days until it ends. Default: it does not.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a service key and print its secret, which is shown this once and stored nowhere."""
    end = None if expires_days is None else datetime.now(UTC) + timedelta(days=expires_days)
    new = NewServiceKey(name=fitting_name(name, "NAME"), role=role_of(role), expires_at=end)

    async def work(connection: AsyncConnection) -> ShownServiceKey:
        return await create_key(connection, await find_organisation(connection, organisation), new)

    made = written(work)
    if as_json:
        print_json(made.model_dump(mode="json", exclude={"revoked_at", "old_until"}))
        return
    # The secret alone goes to stdout, so that a shell can take it up: KEY=$(fairmind-backend keys create …).
    facts = f"{made.role}; ends: {made.expires_at or NEVER}"
    print(f"Key {made.name} ({facts}). This is its secret; it is not shown again:", file=sys.stderr)
    print(made.secret)
