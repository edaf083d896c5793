"""What is known about models and versions, over HTTP."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from apps.ml.deployment.requests.request_body import JSON_TYPE
from apps.ml.evidence_service.answers import refusals
from apps.ml.evidence_service.etags import tagged
from apps.ml.evidence_service.registry import refused
from apps.ml.evidence_service.registry.desk import RegistryDesk
from apps.ml.evidence_service.registry.evidence_reading import StoredRecord
from apps.ml.evidence_service.registry.shapes import (
    DocumentEntries,
    EvidenceRecord,
    EvidenceSection,
    LineageGraph,
    ModelEntries,
    VersionComparison,
    VersionDetails,
    VersionEntries,
)
from apps.ml.evidence_service.registry.version_comparison import LEAST_VERSIONS, MOST_VERSIONS

PREFIX = "/v1/registry/models"
VERSION = "/{model}/versions/{version}"
HELD: dict[int | str, dict[str, Any]] = {304: {"description": "The caller holds it already, as If-None-Match says"}}
EVIDENCE: dict[int | str, dict[str, Any]] = {
    200: {
        "model": EvidenceRecord | EvidenceSection,
        "description": "The record, or one section of it; ETag is the digest of the record",
    },
    **HELD,
}
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file as it was published, as an attachment of the media type that the list tells",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    **HELD,
}


def reading_routes(desk: RegistryDesk) -> APIRouter:
    """Return the routes that change nothing."""
    router = APIRouter(prefix=PREFIX, tags=["registry"])
    _add_versions(router, desk)
    _add_files(router, desk)
    _add_comparison(router, desk)
    return router


def _add_versions(router: APIRouter, desk: RegistryDesk) -> None:
    @router.get("", responses=refusals(), operation_id="registry_models")
    async def models() -> ModelEntries:
        """List the registered models with their aliases."""
        return await desk.models()

    @router.get("/{model}/versions", responses=refusals(404), operation_id="registry_versions")
    async def versions(model: str) -> VersionEntries:
        """List the versions of a model, the newest first."""
        return await desk.versions(model)

    @router.get(VERSION, responses=refusals(404), operation_id="registry_version")
    async def version(model: str, version: str) -> VersionDetails:
        """Show one version with gates, metrics and parameters, as they were published."""
        return await desk.version(model, version)

    @router.get(VERSION + "/lineage", responses=refusals(404), operation_id="registry_lineage")
    async def lineage(model: str, version: str) -> LineageGraph:
        """Walk back from a version to its run, commit, rows, bundle, evidence and gates."""
        return await desk.lineage(model, version)


def _add_files(router: APIRouter, desk: RegistryDesk) -> None:
    @router.get(
        VERSION + "/evidence", responses={**refusals(404), **EVIDENCE}, operation_id="registry_evidence",
        response_class=Response,
    )  # fmt: skip
    async def evidence(
        request: Request,
        model: str,
        version: str,
        section: Annotated[str | None, Query(description="One part of the record; without it all of it.")] = None,
    ) -> Response:
        """Return the evidence record of a version, whole and byte for byte, or one section of it."""
        record = await desk.record(model, version)
        content = record.whole if section is None else _section(record, section)
        return tagged(request, record.digest, content, JSON_TYPE, {})

    @router.get(VERSION + "/documents", responses=refusals(404), operation_id="registry_documents")
    async def documents(model: str, version: str) -> DocumentEntries:
        """List the documents of a version: card, report, and those for regulators, where they were published."""
        return await desk.documents(model, version)

    @router.get(
        VERSION + "/documents/{name}", responses={**refusals(404), **FILE}, operation_id="registry_document",
        response_class=Response,
    )  # fmt: skip
    async def document(request: Request, model: str, version: str, name: str) -> Response:
        """Return one document that the list names."""
        found, content = await desk.document(model, version, name)
        saved = {"Content-Disposition": f'attachment; filename="{found.file_name}"'}
        return tagged(request, hashlib.sha256(content).hexdigest(), content, found.media_type, saved)


def _add_comparison(router: APIRouter, desk: RegistryDesk) -> None:
    @router.get("/{model}/comparison", responses=refusals(404, 409), operation_id="registry_comparison")
    async def comparison(
        model: str,
        version: Annotated[
            list[str] | None, Query(description="A version; repeat it. The first one is the baseline.")
        ] = None,
    ) -> VersionComparison:
        """Put two to five versions side by side, and tell what differs beyond noise on the same test rows."""
        numbers = list(dict.fromkeys(version or ()))
        if not LEAST_VERSIONS <= len(numbers) <= MOST_VERSIONS:
            raise refused.versions_missing(LEAST_VERSIONS, MOST_VERSIONS)
        return await desk.comparison(model, numbers)


def _section(record: StoredRecord, name: str) -> bytes:
    """Return the answer about one section, put together from JSON that is written already."""
    part = record.sections.get(name)
    if part is None:
        raise refused.unknown_section(record.sections)
    return b'{"section":"%b","digest":"%b","content":%b}' % (name.encode(), record.digest.encode(), part)
