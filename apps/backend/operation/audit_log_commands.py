"""`fairmind-backend audit-log`: whether what was written down is what was done."""

import re
from typing import Annotated

import typer
from sqlalchemy import select

from apps.backend.audit_log.verifying import Noted, Verification, verify
from apps.backend.operation.command_output import EXIT_DIFFERENT, Json, end_with, tell
from apps.backend.operation.migrate_commands import over_database
from apps.backend.people.commands.running import CommandError
from apps.backend.storage.database import Database
from apps.backend.storage.schema import is_current
from apps.backend.storage.tables import folded, organisations

NOTED = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def audit_log() -> None:
    """The log of who did what, as a chain of digests."""


@app.command("verify")
def verify_chains(
    organisation: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name, in any case, or id; without it all of them.")
    ] = None,
    noted: Annotated[
        str | None,
        typer.Option(
            metavar="ENTRIES:DIGEST",
            help="What a verification printed before and was kept elsewhere; of one organisation.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compute the digests of all entries anew. Exit code 0: every chain is whole; 1: one is broken."""
    if noted is not None and organisation is None:
        raise CommandError("--noted is a digest of one organisation. Name it with --organisation.")
    known = _noted(noted)

    async def work(database: Database) -> dict[str, Verification]:
        if not await is_current(database):
            raise CommandError("The database has the tables of another version. Run `fairmind-backend migrate` first.")
        names = await _names(database, organisation)
        return {name: await verify(database, key, known) for name, key in names.items()}

    found = over_database(work)
    are_intact = all(each.intact for each in found.values())
    content = [{"organisation": name, **_content(each)} for name, each in found.items()]
    text = "\n".join(f"{name}: {_text(each)}" for name, each in found.items())
    tell({"intact": are_intact, "organisations": content}, text or "There is no organisation.", as_json)
    end_with(0 if are_intact else EXIT_DIFFERENT)


def _noted(text: str | None) -> Noted | None:
    if text is None:
        return None
    match = NOTED.fullmatch(text.lower())
    if match is None:
        raise CommandError("--noted does not fit. Write entries and digest as `verify` prints them, with : between.")
    return Noted(int(match[1]), bytes.fromhex(match[2]))


async def _names(database: Database, wanted: str | None) -> dict[str, str]:
    """Return the ids of the wanted organisation, or of all, by name."""
    query = select(organisations.c.name, organisations.c.id).order_by(organisations.c.name)
    if wanted is not None:
        query = query.where((organisations.c.folded_name == folded(wanted)) | (organisations.c.id == wanted))
    async with database.reading() as connection:
        found = {row.name: row.id for row in await connection.execute(query)}
    if wanted is not None and not found:
        raise CommandError("There is no such organisation. `fairmind-backend organisations list` lists them.")
    return found


def _content(found: Verification) -> dict[str, object]:
    return {
        "entries": found.entries,
        "intact": found.intact,
        "broken_at": found.broken_at,
        "digest": found.digest,
    }


def _text(found: Verification) -> str:
    if found.intact:
        return f"whole, {found.entries}:{found.digest}"
    return f"BROKEN at entry {found.broken_at} of {found.entries}; the digest before it is {found.digest}"
