"""Routes that read models, versions, evidence, documents, lineage and comparisons."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import AfterValidator

from apps.backend.access import Viewer
from apps.backend.identity.caller import Caller
from apps.backend.identity.grants import granted_models, require_granted
from apps.backend.models.addresses import DocumentPath, ModelPath, VersionNumber, VersionPath
from apps.backend.models.documents import ENDINGS, UNKNOWN, listed, passed_through
from apps.backend.models.evidence import EvidenceReader, EvidenceRecord, EvidenceSection, known_digests
from apps.backend.parts import Parts
from apps.backend.problems import problems
from apps.backend.storage.database import Database
from apps.backend.upstreams.registry import Registry
from apps.backend.upstreams.registry_answers import (
    Comparison,
    Documents,
    Lineage,
    ModelVersions,
    RegisteredModel,
    RegisteredModels,
    VersionDetails,
)


def _different(versions: list[str]) -> list[str]:
    if len(set(versions)) != len(versions):
        raise ValueError("a version is named twice. Name each once.")
    return versions


Section = Annotated[
    str | None, Query(pattern="^[a-z][a-z_]{0,59}$", description="One part of the record; without it the whole.")
]
Compared = Annotated[
    list[VersionNumber],
    Query(alias="version", min_length=2, max_length=5, description="Two to five versions; the first is the baseline."),
    AfterValidator(_different),
]
IfNoneMatch = Annotated[str | None, Header(max_length=1000, description="Tags of evidence that the client has.")]
KEPT_BY_CLIENTS = "private, no-cache"
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The client has it already"}}
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The document",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in (*ENDINGS, UNKNOWN)},
    }
}


def reading_routes(parts: Parts, registry: Registry, evidence: EvidenceReader) -> APIRouter:
    """Return the routes; each answers for models that are granted to the caller's organisation alone."""
    router = APIRouter(prefix="/api/v1/models", tags=["models"], responses=problems(404))
    access = Access(parts.database)
    _add_versions(router, access, registry)
    _add_evidence(router, access, evidence)
    _add_documents(router, access, registry)
    return router


class Access:
    """Which models a caller may see; asked before anything else, and before anything that is kept is looked at."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def granted(self, caller: Caller) -> frozenset[str]:
        """Return the names of the models of the caller's organisation."""
        async with self._database.reading() as connection:
            return frozenset(await granted_models(connection, caller.organisation))

    async def require(self, caller: Caller, model: str) -> None:
        """Refuse any other model as one that is not there (404)."""
        async with self._database.reading() as connection:
            await require_granted(connection, caller.organisation, model)


def _add_versions(router: APIRouter, access: Access, registry: Registry) -> None:
    @router.get("", operation_id="list_models")
    async def list_models(caller: Viewer) -> RegisteredModels:
        """The organisation's models, with their aliases and the newest version."""
        granted = await access.granted(caller)
        found: list[RegisteredModel] = await registry.models() if granted else []
        return RegisteredModels(models=[model for model in found if model.name in granted])

    @router.get("/{model}/versions", operation_id="list_versions")
    async def list_versions(caller: Viewer, model: ModelPath) -> ModelVersions:
        """The versions of a model, the newest first."""
        await access.require(caller, model)
        return ModelVersions(versions=await registry.versions(model))

    @router.get("/{model}/versions/{version}", operation_id="read_version")
    async def read_version(caller: Viewer, model: ModelPath, version: VersionPath) -> VersionDetails:
        """A version with what each gate said."""
        await access.require(caller, model)
        return await registry.version(model, version)

    @router.get("/{model}/versions/{version}/lineage", operation_id="read_lineage")
    async def read_lineage(caller: Viewer, model: ModelPath, version: VersionPath) -> Lineage:
        """The way back from a version to run, commit, rows, evidence and gates."""
        await access.require(caller, model)
        return await registry.lineage(model, version)

    @router.get("/{model}/comparison", operation_id="compare_versions", responses=problems(409))
    async def compare_versions(caller: Viewer, model: ModelPath, versions: Compared) -> Comparison:
        """Versions side by side, with intervals and paired tests."""
        await access.require(caller, model)
        return await registry.comparison(model, versions)


def _add_evidence(router: APIRouter, access: Access, evidence: EvidenceReader) -> None:
    @router.get(
        "/{model}/versions/{version}/evidence",
        operation_id="read_evidence",
        response_model=EvidenceRecord | EvidenceSection,
        responses=UNCHANGED,
    )
    async def read_evidence(
        caller: Viewer,
        model: ModelPath,
        version: VersionPath,
        section: Section = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """The evidence of a version as it was published, or one section; its digest was proved and is its tag."""
        await access.require(caller, model)
        known = known_digests(if_none_match)
        digest, record = await evidence.read(model, version, known)
        content = b"" if record is None else record.part(section)
        headers = {"ETag": f'"{digest}"', "Cache-Control": KEPT_BY_CLIENTS}
        if digest in known:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type="application/json", headers=headers)


def _add_documents(router: APIRouter, access: Access, registry: Registry) -> None:
    @router.get("/{model}/versions/{version}/documents", operation_id="list_documents")
    async def list_documents(caller: Viewer, model: ModelPath, version: VersionPath) -> Documents:
        """The documents that were rendered from a version's evidence."""
        await access.require(caller, model)
        return await registry.documents(model, version)

    @router.get(
        "/{model}/versions/{version}/documents/{name}",
        operation_id="read_document",
        response_class=Response,
        responses=FILES,
    )
    async def read_document(caller: Viewer, model: ModelPath, version: VersionPath, name: DocumentPath) -> Response:
        """One of the listed documents, as a file to store."""
        await access.require(caller, model)
        document = await listed(registry, model, version, name)
        return await passed_through(registry, model, version, document)
