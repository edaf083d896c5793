"""Evidence of versions: proved by its digest when it comes, kept by its digest, cut into sections.

A record that is kept is immutable, for its digest is that of its content. Before each answer the evidence service is
asked whether it is still the version's; it is sent again only if not.

References: docs/ml/evidence.md, Check a record.
"""

import asyncio
import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict

from apps.backend.problems import ProblemError
from apps.backend.upstreams.evidence_service import broken
from apps.backend.upstreams.registry import Registry, document_of

KEPT_BYTES = 64 << 20
READ_AT_ONCE = 2
MOST_KNOWN = 10
TAG = re.compile(r'"([0-9a-f]{64})"')
NO_SECTIONS = frozenset(("format", "digest"))


class EvidenceRecord(BaseModel):
    """The evidence of a version as it was published: docs/contracts/evidence.schema.json tells its other parts."""

    model_config = ConfigDict(extra="allow")

    format: int
    digest: str


class EvidenceSection(BaseModel):
    """One part of the evidence. `digest`: of the whole record."""

    section: str
    digest: str
    content: Any


@dataclass(frozen=True)
class Record:
    """A record whose digest was proved, as JSON: whole, and each section as :class:`EvidenceSection`."""

    digest: str
    whole: bytes
    sections: Mapping[str, bytes]

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return len(self.whole) + sum(len(section) for section in self.sections.values())

    def part(self, section: str | None) -> bytes:
        """Return a section; None: the whole.

        Raises
        ------
        ProblemError
            404 there is no such section.
        """
        if section is None:
            return self.whole
        if section not in self.sections:
            detail = f"This evidence has no such section; it has: {', '.join(self.sections)}. Choose one."
            raise ProblemError(HTTPStatus.NOT_FOUND, "no_such_section", detail)
        return self.sections[section]


class EvidenceReader:
    """Reads evidence; whoever asks sees to it first that the model may be shown. To be used in one event loop."""

    def __init__(self, registry: Registry, kept_bytes: int = KEPT_BYTES) -> None:
        self._registry, self._most = registry, kept_bytes
        self._records: OrderedDict[str, Record] = OrderedDict()
        self._digests: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._turns = asyncio.Semaphore(READ_AT_ONCE)

    async def record(self, model: str, version: str) -> Record:
        """Return the evidence of a version.

        Raises
        ------
        ProblemError
            404 there is no such version, or it has no evidence; 503 the service does not answer, or with something
            whose digest is another than it says.
        """
        record = (await self.read(model, version, ()))[1]
        if record is None:
            raise broken("evidence that was not sent and is not known")
        return record

    async def read(self, model: str, version: str, known: Sequence[str]) -> tuple[str, Record | None]:
        """As :meth:`record`: digest and record, which is None where `known` holds the digest and it was not sent."""
        async with self._turns:
            kept = self._kept(model, version)
            reply = await self._registry.evidence(model, version, known if kept is None else [kept.digest])
            if reply.content is None:
                if kept is not None and kept.digest == reply.digest:
                    return kept.digest, kept
                if reply.digest is None or reply.digest not in known:
                    raise broken("evidence that was not sent and is not known")
                return reply.digest, None
            record = await asyncio.to_thread(proved, reply.content)
            if reply.digest not in (None, record.digest):
                raise broken("evidence with another tag than its digest")
            self._keep(model, version, record)
            return record.digest, record

    def _kept(self, model: str, version: str) -> Record | None:
        digest = self._digests.get((model, version))
        record = None if digest is None else self._records.get(digest)
        if record is not None:
            self._records.move_to_end(record.digest)
        return record

    def _keep(self, model: str, version: str, record: Record) -> None:
        self._records[record.digest] = record
        self._records.move_to_end(record.digest)
        self._digests[(model, version)] = record.digest
        while self._records and sum(one.size for one in self._records.values()) > self._most:
            self._records.popitem(last=False)
        self._digests = OrderedDict((name, digest) for name, digest in self._digests.items() if digest in self._records)


def proved(content: bytes) -> Record:
    """Return a record if its digest is that of its content.

    Raises
    ------
    EvidenceServiceError
        It is not, or this is no record.
    """
    record = document_of(content)
    if not isinstance(record, dict) or not isinstance(record.get("format"), int):
        raise broken("evidence that is no record")
    digest = record.get("digest")
    rest = {name: value for name, value in record.items() if name != "digest"}
    if not isinstance(digest, str) or hashlib.sha256(_canonical(rest)).hexdigest() != digest:
        raise broken("evidence whose digest is not that of its content")
    sections = {
        name: _compact({"section": name, "digest": digest, "content": value})
        for name, value in rest.items()
        if name not in NO_SECTIONS
    }
    return Record(digest, content, sections)


def known_digests(if_none_match: str | None) -> list[str]:
    """Return the digests that a client says to have, at most ten."""
    return TAG.findall(if_none_match or "")[:MOST_KNOWN]


def _canonical(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def _compact(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=True).encode("ascii")
