"""`fairmind-backend decisions`: what the operator does with decisions that were made."""

from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend.decisions.erasing import Erased, erase_decision, erase_subject
from apps.backend.people.commands.running import CommandError, Json, OrganisationName, print_json, written
from apps.backend.people.organisations import find_organisation

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


def register(commands: typer.Typer) -> None:
    """Add the group of commands to the command line."""
    commands.add_typer(app, name="decisions")


@app.callback()
def decisions() -> None:
    """Decisions that were made."""


@app.command()
def erase(
    organisation: OrganisationName,
    subject: Annotated[str | None, typer.Option(metavar="NAME", help="The person or case: all decisions.")] = None,
    decision: Annotated[str | None, typer.Option(metavar="ID", help="One decision.")] = None,
    as_json: Json = False,
) -> None:
    """Erase a person's decisions with all that stands beside them; prints what to run at the model server."""
    if (subject is None) == (decision is None):
        raise CommandError("Give either --subject or --decision.")

    async def work(connection: AsyncConnection) -> Erased:
        by = await find_organisation(connection, organisation)
        if decision is not None:
            return await erase_decision(connection, by, decision)
        return await erase_subject(connection, by, str(subject))

    erased = written(work)
    there = _at_the_model_server(erased)
    if as_json:
        print_json({"decisions": erased.decisions, "beside": erased.beside, "model_server": there})
        return
    print(f"Erased: {erased.decisions} decisions and {erased.beside} entries beside them.")
    if there:
        print("At the model server, run:", *there, sep="\n")


def _at_the_model_server(erased: Erased) -> list[str]:
    if erased.subject is not None:
        return [f"fairmind log erase --subject {erased.subject}"]
    return [f"fairmind log erase --prediction {name}" for name in erased.predictions]
