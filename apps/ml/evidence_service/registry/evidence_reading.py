"""Evidence records as they were published: checked once, kept by their digest, which can only mean one content."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import BadInputError
from apps.ml.evaluation.evidence import verify
from apps.ml.evidence_service.registry import refused
from apps.ml.evidence_service.registry.kept import Kept
from apps.ml.evidence_service.registry.published_runs import PublishedRun
from apps.ml.evidence_service.registry.version_reading import fact
from apps.ml.experiments import tags
from apps.ml.experiments.registry import Version

EVIDENCE_FILE = ArtifactPaths().evidence.as_posix()
NOT_SECTIONS = ("format", "digest")


@dataclass(frozen=True)
class StoredRecord:
    """A record. `whole`: its file as it was published; `sections`: name → JSON of each part."""

    digest: str
    title: str | None
    whole: bytes
    sections: Mapping[str, bytes]

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, about."""
        return len(self.whole) + sum(map(len, self.sections.values()))


def record_of(
    version: Version, run: PublishedRun | None, kept: Kept[str, StoredRecord], most_bytes: int
) -> StoredRecord:
    """Return the record of a version.

    Raises
    ------
    RefusalError
        404: none was published. 500: what the store holds is not the record whose digest the version bears.
    """
    digest = fact(version.tags, tags.EVIDENCE)
    if digest is None:
        raise refused.no_evidence()
    found = kept.get(digest)
    if found is None:
        content = None if run is None else run.content(EVIDENCE_FILE, most_bytes)
        if content is None:
            raise refused.no_evidence()
        found = _checked(content, digest)
        kept.keep(digest, found, found.size)
    return found


def _checked(content: bytes, digest: str) -> StoredRecord:
    try:
        record = json.loads(content)
        verify(record)
    except (ValueError, TypeError, AttributeError, BadInputError):
        raise refused.damaged("the evidence") from None
    if record["digest"] != digest:
        raise refused.damaged("the evidence")
    sections = {
        name: json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode()
        for name, part in record.items()
        if name not in NOT_SECTIONS
    }
    return StoredRecord(digest, record["data"].get("title"), content, sections)
