"""The registry as the evidence service shows it: models, versions, evidence, documents, promotions."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

from apps.backend.problems import ProblemError, not_found
from apps.backend.upstreams.evidence_service import Download, EvidenceService, Params, Reply, broken
from apps.backend.upstreams.registry_answers import (
    CHAMPION,
    Comparison,
    Document,
    Documents,
    Lineage,
    ModelVersion,
    ModelVersions,
    Promoted,
    Reasons,
    Refusal,
    RegisteredModel,
    RegisteredModels,
    RolledBack,
    VersionDetails,
)
from apps.backend.upstreams.strict_json import strict_json

MODELS = "/v1/registry/models"
EVIDENCE_BYTES = 32 << 20
COMPARISON_SECONDS = 60.0
PROMOTION_SECONDS = 120.0
"""A promotion compares the version with the champion, row by row."""

FINAL = frozenset((400, 404, 409, 413, 415, 422))
LONGEST_MESSAGE = 1000
Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class EvidenceReply:
    """Evidence as it came. `digest`: as its tag tells it; `content`: None where the reader knows it."""

    digest: str | None
    content: bytes | None


class ChampionMovedError(Exception):
    """The champion is no longer the one that the request named; nothing was done."""


class NotDoneError(Exception):
    """The registry refused, and would refuse again."""

    def __init__(self, reasons: Reasons) -> None:
        super().__init__(reasons.code)
        self.reasons = reasons


class Registry:
    """Reads and changes the registry. Every method may raise what `EvidenceService` raises; absent things are 404."""

    def __init__(self, service: EvidenceService) -> None:
        self._service = service

    async def models(self) -> list[RegisteredModel]:
        """Return all models of the registry: whoever asks sees to what may be shown."""
        return (await self._read(MODELS, RegisteredModels, "model")).models

    async def champion(self, model: str) -> str | None:
        """Return the version that is champion; None where there is none."""
        return next((one.version for one in await self.versions(model) if CHAMPION in one.aliases), None)

    async def versions(self, model: str) -> list[ModelVersion]:
        """Return the versions of a model, the newest first."""
        found = (await self._read(f"{_model(model)}/versions", ModelVersions, "model")).versions
        if any(version.model != model for version in found):
            raise broken("versions of another model")
        return found

    async def version(self, model: str, version: str) -> VersionDetails:
        """Return a version with what its gates said."""
        found = await self._read(_version(model, version), VersionDetails, "version")
        if (found.model, found.version) != (model, version):
            raise broken("another version than was asked for")
        return found

    async def evidence(self, model: str, version: str, known: Sequence[str] = ()) -> EvidenceReply:
        """Return the evidence of a version as it was published.

        Parameters
        ----------
        known
            Digests of records that need not be sent again.
        """
        headers = {"If-None-Match": ", ".join(f'"{digest}"' for digest in known)} if known else None
        reply = await self._service.get(f"{_version(model, version)}/evidence", None, headers, EVIDENCE_BYTES)
        digest = _digest(reply)
        if reply.status == HTTPStatus.NOT_MODIFIED:
            return EvidenceReply(known[0] if digest is None and len(known) == 1 else digest, None)
        return EvidenceReply(digest, _require_found(reply, "evidence").content)

    async def documents(self, model: str, version: str) -> Documents:
        """Return what documents a version has."""
        return await self._read(f"{_version(model, version)}/documents", Documents, "version")

    @asynccontextmanager
    async def document(self, model: str, version: str, listed: Document) -> AsyncIterator[Download]:
        """Yield a document of the list whose content is still to be read."""
        path = f"{_version(model, version)}/documents/{quote(listed.name, safe='')}"
        async with self._service.streaming(path) as download:
            if download.status == HTTPStatus.NOT_FOUND:
                raise not_found("document")
            if download.status != HTTPStatus.OK:
                raise broken(f"status {download.status}")
            download.require(listed.bytes)
            yield download

    async def lineage(self, model: str, version: str) -> Lineage:
        """Return where a version came from."""
        return await self._read(f"{_version(model, version)}/lineage", Lineage, "version")

    async def comparison(self, model: str, versions: Sequence[str]) -> Comparison:
        """Return versions side by side; the first is the baseline.

        Raises
        ------
        ProblemError
            409 `not_comparable`: they cannot be, and why.
        """
        params: Params = {"version": list(versions)}
        reply = await self._service.get(f"{_model(model)}/comparison", params, seconds=COMPARISON_SECONDS)
        if reply.status == HTTPStatus.CONFLICT:
            reasons = _parsed(reply.content, Refusal, "refusal").error
            raise ProblemError(HTTPStatus.CONFLICT, "not_comparable", reasons.message[:LONGEST_MESSAGE])
        found = _parsed(_require_found(reply, "version with evidence").content, Comparison, "comparison")
        if found.model != model or [one.version for one in found.versions] != list(versions):
            raise broken("a comparison of other versions")
        return found

    async def promote(self, model: str, version: str, champion: str | None, reason: str, request: str) -> Promoted:
        """Make a version the champion, if gates and comparison allow it.

        Parameters
        ----------
        champion
            Whom it takes the place of; None: nobody's. Told as `If-Match`.
        request
            The name under which the same promotion is asked for again.

        Raises
        ------
        NotDoneError
            Gates or comparison do not allow it, or there is no such version.
        ChampionMovedError
            Another version is champion by now.
        """
        body = {"version": version, "reason": reason}
        promoted = await self._change(f"{_model(model)}/promotions", body, champion, request, Promoted)
        if (promoted.model, promoted.version) != (model, version):
            raise broken("a promotion of another version")
        return promoted

    async def roll_back(self, model: str, champion: str, reason: str, request: str) -> RolledBack:
        """Make the champion before `champion` champion again. Parameters and errors as for :meth:`promote`."""
        rolled = await self._change(f"{_model(model)}/rollbacks", {"reason": reason}, champion, request, RolledBack)
        if rolled.model != model:
            raise broken("a roll back of another model")
        return rolled

    async def _change(self, path: str, body: object, champion: str | None, request: str, kind: type[Answer]) -> Answer:
        match = {"If-None-Match": "*"} if champion is None else {"If-Match": f'"{champion}"'}
        headers = {"Idempotency-Key": request, **match}
        reply = await self._service.post(path, body, headers, seconds=PROMOTION_SECONDS)
        if reply.status == HTTPStatus.PRECONDITION_FAILED:
            raise ChampionMovedError
        if reply.status in FINAL:
            raise NotDoneError(_parsed(reply.content, Refusal, "refusal").error)
        if reply.status != HTTPStatus.OK:
            raise broken(f"status {reply.status}")
        return _parsed(reply.content, kind, "change")

    async def _read(self, path: str, kind: type[Answer], what: str) -> Answer:
        return _parsed(_require_found(await self._service.get(path), what).content, kind, what)


def document_of(content: bytes) -> Any:
    """Return a JSON document, read without lenience: NaN and numbers beyond all bounds are not JSON.

    Raises
    ------
    EvidenceServiceError
        It is none.
    """
    try:
        return strict_json(content)
    except (ValueError, RecursionError):
        raise broken("an answer that is no JSON") from None


def _parsed(content: bytes, kind: type[Answer], what: str) -> Answer:
    try:
        return kind.model_validate(document_of(content))
    except ValueError:
        _misfit(what)


def _misfit(what: str) -> NoReturn:
    raise broken(f"the answer about a {what} does not fit") from None


def _require_found(reply: Reply, what: str) -> Reply:
    if reply.status == HTTPStatus.NOT_FOUND:
        raise not_found(what)
    if reply.status != HTTPStatus.OK:
        raise broken(f"status {reply.status}")
    return reply


def _digest(reply: Reply) -> str | None:
    """Return the digest that an answer carries as its tag; None where it carries none."""
    found = str(reply.headers.get("etag", "")).removeprefix("W/")
    return found[1:-1] if len(found) > 2 and found[0] == found[-1] == '"' else None


def _model(model: str) -> str:
    return f"{MODELS}/{quote(model, safe='')}"


def _version(model: str, version: str) -> str:
    return f"{_model(model)}/versions/{quote(version, safe='')}"
