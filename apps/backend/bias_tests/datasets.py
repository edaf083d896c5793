"""Data sets: taken in, listed, removed."""

import asyncio
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import Request
from sqlalchemy import Row, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from apps.backend import moments
from apps.backend.audit_log.appending import append
from apps.backend.bias_tests.answers import Cell, Dataset, DatasetSummary
from apps.backend.bias_tests.bodies import LONGEST_COLUMN
from apps.backend.bias_tests.dataset_files import DatasetFiles
from apps.backend.bias_tests.file_kinds import MEDIA_TYPES
from apps.backend.bias_tests.tables import bias_datasets
from apps.backend.bias_tests.upload_form import ReceivedFile, receive_file
from apps.backend.identifiers import is_id, new_id
from apps.backend.identity.caller import Caller
from apps.backend.parts import Parts
from apps.backend.problems import Misfit, ProblemError, not_found, unavailable
from apps.backend.storage.pages import Page, rows_of_page
from apps.backend.upstreams.audits import Audits, InspectedTable, TableFile
from apps.backend.upstreams.evidence_service import away

LOG = structlog.get_logger("backend")
WHAT = "data set"
MOST_COLUMNS = 2_000
PREVIEW_ROWS = 5
LONGEST_CELL = 200
LEFT_SECONDS = 3600.0
"""A file that no data set bears and that nobody has written to for so long is what a killed process left."""

SHOWN = [column for column in bias_datasets.c if column.name not in ("columns", "preview")]


async def upload(parts: Parts, caller: Caller, request: Request) -> Dataset:
    """Take a file in: to the disk while it arrives, looked at by the evidence service, then to its place.

    Raises
    ------
    ProblemError
        400, 413, 415, 422 the form or the file does not fit; 503 the evidence service is away, or the disk takes
        nothing. Nothing of the file stays then.
    """
    if parts.evidence.breaker.state == "open":
        raise away(was_sent=False, retry_after=parts.evidence.breaker.wait())
    files, dataset = DatasetFiles(parts.settings.state), new_id()
    path = None
    try:
        path, file = await asyncio.to_thread(files.create, caller.organisation, dataset)
        try:
            received = await receive_file(request, file, parts.settings.upload_bytes)
        finally:
            await asyncio.to_thread(file.close)
        table = await Audits(parts.evidence).inspect(TableFile(path, MEDIA_TYPES[received.kind]))
        _require_usable(table)
        row = _row(caller, dataset, received, table)
        async with parts.database.writing() as connection:
            await connection.execute(insert(bias_datasets), row)
            about = {name: row[name] for name in ("kind", "bytes", "rows", "sha256")}
            await append(connection, caller, "dataset.uploaded", f"dataset:{dataset}", about)
            path = await asyncio.to_thread(files.finish, path)
    except BaseException as error:
        if path is not None:
            await asyncio.shield(asyncio.to_thread(files.remove, path))
        if isinstance(error, OSError):
            LOG.error("upload not stored", number=error.errno)
            raise unavailable("storage_away", "The file cannot be stored now. Ask again later.", 60.0) from error
        raise
    return _dataset(row)


async def page(parts: Parts, caller: Caller, limit: int, cursor: str | None) -> Page[DatasetSummary]:
    """Return one page of the organisation's data sets."""
    query = select(*SHOWN).where(bias_datasets.c.organisation_id == caller.organisation)
    async with parts.database.reading() as connection:
        rows, next_cursor = await rows_of_page(connection, query, bias_datasets.c.id, limit, cursor)
    return Page[DatasetSummary](items=[DatasetSummary(**_shown(row)) for row in rows], next_cursor=next_cursor)


async def read(parts: Parts, caller: Caller, dataset: str) -> Dataset:
    """Return one data set.

    Raises
    ------
    ProblemError
        404 the organisation has no such data set.
    """
    async with parts.database.reading() as connection:
        row = await found(connection, caller, dataset)
    return _dataset(row._asdict())


async def found(connection: AsyncConnection, caller: Caller, dataset: str) -> Row[Any]:
    """Return the row of one data set.

    Raises
    ------
    ProblemError
        404 the organisation has no such data set.
    """
    query = select(bias_datasets).where(
        bias_datasets.c.organisation_id == caller.organisation, bias_datasets.c.id == dataset
    )
    row = (await connection.execute(query)).one_or_none() if is_id(dataset) else None
    if row is None:
        raise not_found(WHAT)
    return row


async def remove(parts: Parts, caller: Caller, dataset: str) -> None:
    """Remove a data set and its file; tests of it keep their results.

    Raises
    ------
    ProblemError
        404 the organisation has no such data set.
    """
    async with parts.database.writing() as connection:
        await found(connection, caller, dataset)
        await connection.execute(
            delete(bias_datasets).where(
                bias_datasets.c.organisation_id == caller.organisation, bias_datasets.c.id == dataset
            )
        )
        await append(connection, caller, "dataset.deleted", f"dataset:{dataset}")
    files = DatasetFiles(parts.settings.state)
    await asyncio.to_thread(files.remove, files.path(caller.organisation, dataset))


async def remove_left_files(parts: Parts, seconds: float = LEFT_SECONDS) -> int:
    """Remove files that no data set bears any more, or not yet after so long, and return how many there were."""
    files = DatasetFiles(parts.settings.state)
    old = await asyncio.to_thread(lambda: list(files.older_than(seconds)))
    removed = 0
    for organisation, dataset, path in old:
        query = select(bias_datasets.c.id).where(
            bias_datasets.c.organisation_id == organisation, bias_datasets.c.id == dataset
        )
        async with parts.database.reading() as connection:
            is_kept = path.name == dataset and (await connection.execute(query)).scalar() is not None
        if not is_kept:
            await asyncio.to_thread(files.remove, path)
            removed += 1
    return removed


def _require_usable(table: InspectedTable) -> None:
    names = [column.name for column in table.columns]
    problem = expected = None
    if not names or not table.rows:
        problem, expected = "the table has no columns or no rows", "a header and at least one row"
    elif len(names) > MOST_COLUMNS:
        problem, expected = f"the table has {len(names):,} columns", f"at most {MOST_COLUMNS:,}"
    elif any(not name or len(name) > LONGEST_COLUMN for name in names):
        problem, expected = "a column's name is empty or too long", f"1 to {LONGEST_COLUMN} characters"
    elif len(set(names)) < len(names):
        problem, expected = "two columns have one name", "a name of its own for each"
    if problem is not None:
        misfit = Misfit(location="body.file", problem=problem, expected=expected)
        detail = "The file is no table that can be tested. Mend what `errors` lists."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", detail, [misfit])


def _row(caller: Caller, dataset: str, received: ReceivedFile, table: InspectedTable) -> dict[str, Any]:
    return {
        "id": dataset,
        "organisation_id": caller.organisation,
        "created_at": moments.now(),
        "made_by": caller.actor,
        "name": received.name,
        "kind": received.kind,
        "bytes": received.bytes,
        "sha256": received.sha256,
        "rows": table.rows,
        "columns": [column.model_dump() for column in table.columns],
        "preview": [{name: _cut(cell) for name, cell in row.items()} for row in table.preview[:PREVIEW_ROWS]],
    }


def _cut(cell: Cell) -> Cell:
    return f"{cell[: LONGEST_CELL - 1]}…" if isinstance(cell, str) and len(cell) > LONGEST_CELL else cell


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "dataset_id": row["id"],
        "uploaded_at": moments.to_text(row["created_at"]),
        "uploaded_by": row["made_by"],
        **{name: row[name] for name in ("name", "kind", "bytes", "rows", "sha256")},
    }


def _dataset(row: dict[str, Any]) -> Dataset:
    types = {column["name"]: column["type"] for column in row["columns"]}
    return Dataset(**_shown(row), columns=list(types), column_types=types, preview=row["preview"])
