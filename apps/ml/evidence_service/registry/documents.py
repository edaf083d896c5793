"""Documents of a version: files of its run under names from a list; what was not listed cannot be asked for."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.evidence_service.registry import refused
from apps.ml.evidence_service.registry.published_runs import PublishedRun
from apps.ml.evidence_service.registry.shapes import DocumentEntry
from apps.ml.experiments.champion_comparison import COMPARISON_FILE
from apps.ml.experiments.run_writing import REGISTRATION_FILE

PATHS = ArtifactPaths()
FOLDER = PATHS.documents.as_posix()
MARKDOWN, HTML, JSON = "text/markdown; charset=utf-8", "text/html; charset=utf-8", "application/json"
CYCLONE_DX = "application/vnd.cyclonedx+json"
ANY_MEDIA = "application/octet-stream"
MEDIA_BY_END = {".md": MARKDOWN, ".html": HTML, ".json": JSON, ".csv": "text/csv; charset=utf-8"}
OTHER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}(?:\.[A-Za-z0-9]{1,12}){1,3}")
"""What a file of the folder of documents may be called to be handed out under its own name."""


@dataclass(frozen=True)
class Document:
    """One kind of document: its name in paths, its title, and where it lies among the artifacts of a run."""

    name: str
    title: str
    path: str
    media_type: str

    @property
    def file_name(self) -> str:
        """What the file is saved as."""
        return PurePosixPath(self.path).name


KNOWN = (
    Document("card", "Model card", PATHS.model_card.as_posix(), MARKDOWN),
    Document("report", "Report of everything that was measured", PATHS.report.as_posix(), HTML),
    Document("data_quality", "Quality of the data", PATHS.data_quality_page.as_posix(), HTML),
    Document("evidence", "Evidence record", PATHS.evidence.as_posix(), JSON),
    Document("verdict", "Gates, guards and policy", REGISTRATION_FILE, JSON),
    Document("champion_comparison", "Comparison with the champion", COMPARISON_FILE, JSON),
    Document("ll144", "New York City Local Law 144", f"{FOLDER}/nyc_ll144.md", MARKDOWN),
    Document("four_fifths", "Four-fifths rule, 29 CFR 1607.4(D)", f"{FOLDER}/four_fifths.md", MARKDOWN),
    Document("reg_b", "Reasons, Regulation B", f"{FOLDER}/reg_b_reasons.md", MARKDOWN),
    Document("annex_iv", "EU AI Act, Annex IV", f"{FOLDER}/eu_ai_act_annex_iv.md", MARKDOWN),
    Document("ml_bom", "ML bill of materials, CycloneDX", f"{FOLDER}/ml_bom.cdx.json", CYCLONE_DX),
    Document("aibom_fairness", "AIBOM fairness evidence", f"{FOLDER}/aibom_fairness.json", JSON),
)


def documents_of(run: PublishedRun | None) -> list[DocumentEntry]:
    """Return what was published with a run, the known kinds first; empty where nothing was."""
    return [
        DocumentEntry(name=one.name, title=one.title, media_type=one.media_type, bytes=size)
        for one, size in _published(run)
    ]


def document_of(run: PublishedRun | None, name: str, most_bytes: int) -> tuple[Document, bytes]:
    """Return a document and its content; :class:`RefusalError` 404 where the run has none of that name."""
    found = next((one for one, _ in _published(run) if one.name == name), None)
    content = None if found is None or run is None else run.content(found.path, most_bytes)
    if found is None or content is None:
        raise refused.unknown_document()
    return found, content


def _published(run: PublishedRun | None) -> list[tuple[Document, int]]:
    if run is None:
        return []
    folders = dict.fromkeys(one.path.rpartition("/")[0] for one in KNOWN)
    sizes = {path: size for folder in folders for path, size in run.files(folder).items()}
    known = [(one, sizes.pop(one.path)) for one in KNOWN if one.path in sizes]
    others = [_other(path) for path in sorted(sizes) if path.startswith(f"{FOLDER}/")]
    return known + [(one, sizes[one.path]) for one in others if OTHER_NAME.fullmatch(one.name)]


def _other(path: str) -> Document:
    """A document that the team itself put beside those of FairMind."""
    name = PurePosixPath(path).name
    return Document(name, name, path, MEDIA_BY_END.get(PurePosixPath(path).suffix, ANY_MEDIA))
