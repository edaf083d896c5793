"""`fairmind-backend migrate`: the tables brought up to date, taken back, or shown as they are."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from apps.backend.operation.command_output import Json, tell
from apps.backend.people.commands.running import CommandError
from apps.backend.settings import settings_of
from apps.backend.storage.database import Database
from apps.backend.storage.schema import applied_revisions, downgrade, newest_revisions, upgrade

Result = TypeVar("Result")
app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)


@app.callback()
def migrate(context: typer.Context, as_json: Json = False) -> None:
    """Bring the tables to the state of this version (`up`), take changes back (`down`), or `show` how they are."""
    if context.invoked_subcommand is None:
        up(as_json)


@app.command()
def up(as_json: Json = False) -> None:
    """Apply the changes that are missing, all or none; an empty database gets all tables."""

    async def work(database: Database) -> frozenset[str]:
        await upgrade(database)
        return await applied_revisions(database)

    applied = sorted(over_database(work, create=True))
    tell({"applied": applied}, f"The tables are those of this version ({', '.join(applied)}).", as_json)


@app.command()
def down(
    revision: Annotated[str, typer.Argument(help="Name of the change to go back to; `base`: before the first.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it: the rows of what is taken back are lost.")] = False,
    as_json: Json = False,
) -> None:
    """Take changes back, with the rows that only they hold. Make a backup first."""
    if not yes:
        raise CommandError("This removes rows for good. Make a backup, then say --yes.")

    async def work(database: Database) -> frozenset[str]:
        await downgrade(database, revision)
        return await applied_revisions(database)

    applied = sorted(over_database(work))
    tell({"applied": applied}, f"Applied now: {', '.join(applied) or 'nothing'}.", as_json)


@app.command()
def show(as_json: Json = False) -> None:
    """Show the last changes that are applied, and the last that this version knows."""
    applied, newest = sorted(over_database(applied_revisions)), sorted(newest_revisions())
    state = "the same" if applied == newest else "not the same: `fairmind-backend migrate up` applies what is missing"
    text = f"applied: {', '.join(applied) or 'nothing'}\nnewest: {', '.join(newest)}\nThey are {state}."
    tell({"applied": applied, "newest": newest, "is_current": applied == newest}, text, as_json)


def over_database(work: Callable[[Database], Awaitable[Result]], create: bool = False) -> Result:
    """Do `work` over the database that DATABASE_URL names.

    Raises
    ------
    SettingError
        It names none that can be used.
    ProblemError
        503 it does not answer.
    """

    async def run() -> Result:
        database = Database(settings_of().database, create=create)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
