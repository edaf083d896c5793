"""The files of an audit: the record, and everything that is rendered from it alone."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apps.ml.errors import BadInputError
from apps.ml.evaluation.documents.rendering import render_documents
from apps.ml.evaluation.plots.drawing import draw_all
from apps.ml.evaluation.record.record_file import write_evidence
from apps.ml.evaluation.report import render_report
from apps.ml.evaluation.statistics.counting.joint_counts import JointCounts
from apps.ml.evaluation.statistics.counting.joint_counts_file import write_joint_counts
from apps.ml.files import read_json, write_text

EVIDENCE, REPORT, DOCUMENTS = "evidence.json", "report.html", "documents"


def require_usable_folder(folder: Path, audited: Path | None = None) -> None:
    """Refuse a folder that an audit must not or cannot write into, before anything is read.

    Raises
    ------
    BadInputError
        It is a file, holds the evidence of a model or the audited file among its documents, or cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise BadInputError(f"{folder} is a file. Name a folder with --output.")
    _require_writable(folder, "--output")
    if audited is not None and (folder / DOCUMENTS).resolve() in audited.resolve().parents:
        raise BadInputError(f"{audited} stands among the documents of an audit. Name another folder with --output.")
    for name, is_right in ((EVIDENCE, Path.is_file), (REPORT, Path.is_file), (DOCUMENTS, Path.is_dir)):
        if (folder / name).exists() and not is_right(folder / name):
            raise BadInputError(f"{folder / name} is in the way. Name another folder with --output.")
    record = folder / EVIDENCE
    if record.exists() and not _is_audit(record):
        raise BadInputError(f"{folder} holds the evidence of something else. Name another folder with --output.")


def require_usable_counts(path: Path, folder: Path, audited: Path) -> None:
    """Refuse a file of counts that would replace the audited file or one of the audit's, or cannot be written.

    Raises
    ------
    BadInputError
        Says which.
    """
    own = {(folder / name).resolve() for name in (EVIDENCE, REPORT)}
    place = path.resolve()
    if place == audited.resolve() or place in own or (folder / DOCUMENTS).resolve() in (place, *place.parents):
        raise BadInputError(f"--counts {path} would replace another file of this audit. Name another file.")
    if path.is_dir():
        raise BadInputError(f"--counts {path} is a folder. Name a file.")
    _require_writable(path.parent, "--counts")


def write_counts(path: Path, counts: JointCounts) -> None:
    """Write the joint counts, whole or not at all.

    Raises
    ------
    BadInputError
        They cannot be written there.
    """
    with _written_to(path, "--counts"):
        write_joint_counts(path, counts)


def write_audit(folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Write record, report and documents; return their names within the folder.

    All of it is written beside its place before it is moved there, the record last, so that a folder with a record is
    complete. Documents of an audit that was here before are removed.

    Raises
    ------
    BadInputError
        The folder cannot be written to; then nothing was changed.
    """
    require_usable_folder(folder)
    texts = rendered_documents(record)
    with _written_to(folder, "--output"):
        beside = folder if folder.exists() else folder.parent
        beside.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".audit.", dir=beside) as made:
            for name, text in texts.items():
                write_text(Path(made) / name, text)
            write_evidence(Path(made) / EVIDENCE, record)
            _move(Path(made), folder, [*texts, EVIDENCE])
    return [EVIDENCE, *texts]


def _move(made: Path, folder: Path, names: list[str]) -> None:
    """Move files to their places; a record that was there goes first, as it speaks of what is replaced."""
    if (folder / EVIDENCE).exists():
        (folder / EVIDENCE).unlink()
        shutil.rmtree(folder / DOCUMENTS, ignore_errors=True)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).replace(folder / name)


def _require_writable(place: Path, option: str) -> None:
    """Refuse a folder that is there and cannot be written to, or that cannot be made."""
    nearest = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        why = "cannot be written to" if nearest.is_dir() else "is a file"
        raise BadInputError(f"{nearest} {why}. Name another place with {option}.")


@contextmanager
def _written_to(place: Path, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInputError(f"{place} cannot be written: {error.strerror}. Name another place with {option}.") from None


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
