"""The files of an audit: the record, and everything that is rendered from it alone."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.ml.errors import BadInputError
from apps.ml.evaluation.documents.rendering import render_documents
from apps.ml.evaluation.documents.report import render_report
from apps.ml.evaluation.plots.drawing import draw_all
from apps.ml.evaluation.record.record_file import write_evidence
from apps.ml.files import read_json, write_text

EVIDENCE, REPORT, DOCUMENTS = "evidence.json", "report.html", "documents"


def require_usable_folder(folder: Path) -> None:
    """Refuse a folder that an audit must not write into, before anything is read.

    Raises
    ------
    BadInputError
        It is a file, or holds the evidence of a model.
    """
    if folder.exists() and not folder.is_dir():
        raise BadInputError(f"{folder} is a file. Name a folder with --output.")
    record = folder / EVIDENCE
    if record.exists() and not _is_audit(record):
        raise BadInputError(f"{folder} holds the evidence of something else. Name another folder with --output.")


def write_audit(folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Write record, report and documents; return their names within the folder.

    All of it is rendered before anything is written, every file appears whole, the record last. Documents of an audit
    that was here before are removed.
    """
    require_usable_folder(folder)
    texts = rendered_documents(record)
    if (folder / EVIDENCE).exists():
        shutil.rmtree(folder / DOCUMENTS, ignore_errors=True)
    for name, text in texts.items():
        write_text(folder / name, text)
    write_evidence(folder / EVIDENCE, record)
    return [EVIDENCE, *texts]


def rendered_documents(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the report and every document by its name within the folder."""
    report = render_report(record, draw_all(record).plots)
    return {REPORT: report, **{f"{DOCUMENTS}/{name}": text for name, text in render_documents(record).items()}}


def _is_audit(path: Path) -> bool:
    try:
        content = read_json(path)
    except ValueError:
        return False
    return isinstance(content, dict) and content.get("subject") == "decisions"
