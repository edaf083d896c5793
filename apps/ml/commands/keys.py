"""`fairmind keys`: API keys of model server and evidence service, and the record of all that was administered."""

import json
import os
import pwd
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from apps.ml.deployment.protection.admin_log import AdminLog
from apps.ml.deployment.protection.key_store import (
    MICROSECONDS,
    NewKey,
    StoredKey,
    Wanted,
    create_key,
    revoke_key,
    rotate_key,
    stored_keys,
)
from apps.ml.deployment.protection.key_text import NAME, SCOPES
from apps.ml.deployment.protection.record_chain import AdminAction, ChainVerdict
from apps.ml.deployment.protection.time_spans import seconds_of
from apps.ml.errors import EXIT_DONE, BadInputError
from apps.ml.prediction_log.database import answering, open_database
from apps.ml.prediction_log.schema import require_current, upgrade

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a key: letters, digits and ._-")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
EXIT_BROKEN = 1
UNFIT = "(unfit name)"
NEVER = "never"


@app.callback()
def keys() -> None:
    """API keys of model server and evidence service, in the database that DATABASE_URL names; commands are recorded."""


@app.command()
def create(
    name: Name,
    scope: Annotated[list[str], typer.Option(help=f"What the key may do: {', '.join(SCOPES)}. May be repeated.")],
    expires: Annotated[str | None, typer.Option(help="When it ends, as 90d or 24h from now. Default: never.")] = None,
    per_minute: Annotated[
        int | None, typer.Option(min=1, max=10_000_000, help="Requests a minute. Default: FAIRMIND_PER_MINUTE.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key and print its secret, which is shown this once and stored nowhere."""
    wanted = Wanted(name, scope, None if expires is None else seconds_of(expires, "--expires"), per_minute)
    with _recorded("create key", name, makes_database=True) as connection:
        new = create_key(connection, wanted, _now())
    _print_new(new, as_json)


@app.command()
def rotate(
    name: Name,
    overlap: Annotated[str, typer.Option(help="How long the old secret stays valid, as 24h; 0s: not at all.")] = "24h",
    expires: Annotated[
        str | None, typer.Option(help="When the new secret ends, as 90d. Default: as long as the old one was given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Give a key a new secret and print it; the old one stays valid for a while, so that callers can change over."""
    lifetime = None if expires is None else seconds_of(expires, "--expires")
    overlap_seconds = seconds_of(overlap, "--overlap")
    with _recorded("rotate key", name) as connection:
        new = rotate_key(connection, name, overlap_seconds, lifetime, _now())
    _print_new(new, as_json)


@app.command()
def revoke(
    name: Name,
    old: Annotated[bool, typer.Option("--old", help="Only the secrets that were replaced by rotation.")] = False,
    as_json: Json = False,
) -> None:
    """End a key at once: servers turn it away as soon as they read the keys again, within seconds."""
    with _recorded("revoke old secrets" if old else "revoke key", name) as connection:
        ended = revoke_key(connection, name, _now(), only_old=old)
    if as_json:
        print(json.dumps({"keys": [_shown(key) for key in ended]}))
    else:
        print(f"Revoked {name}: {sum(key.revoked_at is not None for key in ended)} of {len(ended)} secrets are ended.")


@app.command("list")
def list_keys(as_json: Json = False) -> None:
    """List the keys with scopes, rate and state; never their secrets."""
    with _recorded("list keys", "all") as connection:
        found = stored_keys(connection)
    if as_json:
        print(json.dumps({"keys": [_shown(key) for key in found]}))
    else:
        Console(markup=False).print(_keys_table(found))


@app.command()
def audit(
    last: Annotated[int, typer.Option(min=0, max=100_000, help="How many records to show, the newest.")] = 20,
    head: Annotated[
        str | None, typer.Option(help="A digest noted earlier: it must still be in the chain, or its end was cut off.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what was administered and check that no record was altered; exit code 1: one was, or is missing."""
    with _log() as log:
        verdict = log.verify(head)
        records = log.page(last) if last else []
        log.record(_actor(), "audit", "all", None, "whole" if verdict.whole else "broken")
    if as_json:
        content = {"verdict": {"whole": verdict.whole, **asdict(verdict)}, "actions": [asdict(one) for one in records]}
        print(json.dumps(content))
    else:
        _print_audit(verdict, records)
    raise typer.Exit(EXIT_DONE if verdict.whole else EXIT_BROKEN)


@contextmanager
def _log(makes_database: bool = False) -> Iterator[AdminLog]:
    engine = open_database(create=makes_database)
    with answering(engine):
        if makes_database:
            upgrade(engine)
        else:
            require_current(engine)
        try:
            yield AdminLog(engine)
        finally:
            engine.dispose()


@contextmanager
def _recorded(action: str, name: str, makes_database: bool = False) -> Iterator[Connection]:
    """Yield a connection whose changes are committed with their record; a refused command leaves a record alone."""
    target = name if NAME.fullmatch(name) else UNFIT
    with _log(makes_database) as log:
        try:
            with log.recording(_actor(), action, target) as connection:
                yield connection
        except BadInputError:
            log.record(_actor(), action, target, None, "refused")
            raise


def _actor() -> str:
    """The user of the operating system, asked by number: LOGNAME can be set to anything."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


def _now() -> int:
    return int(time.time() * MICROSECONDS)


def _print_new(new: NewKey, as_json: bool) -> None:
    """The secret alone goes to stdout, so that a shell can take it up: KEY=$(fairmind keys create …)."""
    if as_json:
        print(json.dumps({"key": new.text, **_shown(new.stored)}))
        return
    facts = f"{', '.join(new.stored.scopes)}; expires: {_moment(new.stored.expires_at) or NEVER}"
    print(f"Key {new.stored.name} ({facts}). This is its secret; it is not shown again:", file=sys.stderr)
    print(new.text)


def _shown(key: StoredKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "id": key.id,
        "scopes": list(key.scopes),
        "state": key.state(_now()),
        "created_at": _moment(key.created_at),
        "expires_at": _moment(key.expires_at),
        "revoked_at": _moment(key.revoked_at),
        "per_minute": key.per_minute,
    }


def _moment(microseconds: int | None) -> str | None:
    if microseconds is None:
        return None
    return datetime.fromtimestamp(microseconds // MICROSECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _keys_table(found: Sequence[StoredKey]) -> Table:
    table = Table(title=f"API keys: {len(found)} secrets", title_justify="left")
    for heading in ("name", "id", "state", "scopes", "a minute", "created (UTC)", "expires (UTC)"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("name", "id", "state"))
    for key in found:
        ends = _moment(key.expires_at) or NEVER
        rate = "" if key.per_minute is None else str(key.per_minute)
        cells = (key.name, key.id, key.state(_now()), ", ".join(key.scopes), rate, _moment(key.created_at) or "", ends)
        table.add_row(*cells)
    return table


def _print_audit(verdict: ChainVerdict, records: Sequence[AdminAction]) -> None:
    table = Table(title="Administration, the newest first", title_justify="left")
    for heading in ("number", "at (UTC)", "actor", "action", "target", "result"):
        table.add_column(heading, overflow="fold")
    for one in records:
        table.add_row(str(one.number), _moment(one.at) or "", one.actor, one.action, one.target, one.result)
    Console(markup=False).print(table)
    if verdict.whole:
        print(f"Whole: {verdict.records} records, none altered. Head: {verdict.head}")
    else:
        print(f"Broken: {verdict.why}. {verdict.records} records before it fit. Restore the database from a copy.")
