"""Documents of versions, passed through as they come: nothing of them is read here."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import structlog
from fastapi.responses import StreamingResponse

from apps.backend.problems import not_found
from apps.backend.upstreams.evidence_service import EvidenceServiceError
from apps.backend.upstreams.registry import Registry
from apps.backend.upstreams.registry_answers import Document

LOG = structlog.get_logger("backend")
MOST_SECONDS = 300.0
UNKNOWN = "application/octet-stream"
ENDINGS = {
    "application/json": ".json",
    "application/pdf": ".pdf",
    "application/vnd.cyclonedx+json": ".cdx.json",
    "image/png": ".png",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/plain": ".txt",
}
"""What a document may call itself, and how its file then ends; anything else is :data:`UNKNOWN`."""


async def listed(registry: Registry, model: str, version: str, name: str) -> Document:
    """Return a document as the version's list has it.

    Raises
    ------
    ProblemError
        404 the list has none of this name.
    """
    for document in (await registry.documents(model, version)).documents:
        if document.name == name:
            return document
    raise not_found("document")


def media_type_of(document: Document) -> str:
    """Return what a document is, from a closed list."""
    said = document.media_type.partition(";")[0].strip().lower()
    return said if said in ENDINGS else UNKNOWN


def file_name_of(document: Document) -> str:
    """Return what a document is stored as: its name, with the ending of what it is."""
    return document.name.removesuffix(ending := ENDINGS.get(media_type_of(document), "")) + ending


async def passed_through(registry: Registry, model: str, version: str, document: Document) -> StreamingResponse:
    """Return the answer that sends a document on as it comes, to be stored and not shown.

    Raises
    ------
    ProblemError
        404 it went since it was listed; 503 the evidence service does not answer, or with another length than listed.
    """
    stack = AsyncExitStack()
    async with stack:
        download = await stack.enter_async_context(registry.document(model, version, document))
        kept_open = stack.pop_all()

    async def content() -> AsyncIterator[bytes]:
        async with kept_open:
            try:
                async for piece in download.pieces(document.bytes, MOST_SECONDS):
                    yield piece
            except EvidenceServiceError as error:
                # Fewer bytes come than were announced, so the server breaks the connection off: half a document is
                # never taken for a whole one.
                LOG.warning("document broken off", code=error.code)

    headers = {
        "Content-Disposition": f'attachment; filename="{file_name_of(document)}"',
        "Content-Length": str(document.bytes),
    }
    return StreamingResponse(content(), media_type=media_type_of(document), headers=headers)


async def told_of(registry: Registry, model: str, version: str) -> dict[str, Any]:
    """Return name → title, media type, bytes and sha256 of each document of a version.

    Raises
    ------
    ProblemError
        404 there is no such version; 503 the evidence service does not answer, or with another length than listed.
    """
    documents = (await registry.documents(model, version)).documents
    return {document.name: await _told(registry, model, version, document) for document in documents}


async def _told(registry: Registry, model: str, version: str, document: Document) -> dict[str, Any]:
    digest = hashlib.sha256()
    async with registry.document(model, version, document) as download:
        async for piece in download.pieces(document.bytes, MOST_SECONDS):
            digest.update(piece)
    return {
        "title": document.title,
        "media_type": media_type_of(document),
        "bytes": document.bytes,
        "sha256": digest.hexdigest(),
    }
