"""`fairmind-backend models`: which models of the registry an organisation may use."""

from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend.people.commands.running import CommandError, Json, OrganisationName, fitting_name, print_json, written
from apps.backend.people.organisations import find_organisation, grant_model, withdraw_model

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Model = Annotated[str, typer.Argument(metavar="MODEL", help="Name of a registered model.")]


@app.callback()
def models() -> None:
    """Models that organisations may use; they see no others."""


@app.command()
def grant(organisation: OrganisationName, model: Model, as_json: Json = False) -> None:
    """Let an organisation use a model; doing it again changes nothing."""
    name = fitting_name(model, "MODEL")

    async def work(connection: AsyncConnection) -> bool:
        return await grant_model(connection, await find_organisation(connection, organisation), name)

    changed = written(work)
    if as_json:
        print_json({"organisation": organisation, "model": name, "granted": True, "changed": changed})
    else:
        print(f"{organisation} may {'now' if changed else 'already'} use {name}.")


@app.command()
def revoke(organisation: OrganisationName, model: Model, as_json: Json = False) -> None:
    """Take a model from an organisation; what it decided with the model stays."""

    async def work(connection: AsyncConnection) -> bool:
        return await withdraw_model(connection, await find_organisation(connection, organisation), model)

    if not written(work):
        raise CommandError(
            "The organisation has no grant of this model. `fairmind-backend organisations list` shows its grants."
        )
    if as_json:
        print_json({"organisation": organisation, "model": model, "granted": False, "changed": True})
    else:
        print(f"{organisation} may no longer use {model}.")
