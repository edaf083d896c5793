"""The files of an audit: whole or not at all, and never in the place of others."""

import json
from pathlib import Path
from typing import Any

import pytest

from apps.ml.errors import BadInputError
from apps.ml.evaluation.audit import writing
from apps.ml.evaluation.audit.assessment import audit
from apps.ml.evaluation.audit.writing import (
    rendered_documents,
    require_usable_counts,
    require_usable_folder,
    write_audit,
)
from apps.ml.evaluation.record.record_file import read_evidence
from apps.ml.tests.audited_files import audited, decisions, options, written

TABLE = "sex,label,decision\n" + "f,1,1\n" * 6 + "f,0,0\n" * 4 + "m,1,1\n" * 8 + "m,0,1\n" * 2


def test_an_audit_is_written_whole_and_read_back(tmp_path: Path) -> None:
    done = audited(tmp_path / "people.csv", TABLE)
    folder = tmp_path / "audit"
    files = write_audit(folder, done.record)
    assert sorted(files) == sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert read_evidence(folder / "evidence.json") == done.record
    (folder / "documents" / "old.md").write_text("of an audit before")
    write_audit(folder, done.record)
    assert not (folder / "documents" / "old.md").exists()
    assert "f,1,1" not in (folder / "evidence.json").read_text()


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"label": None},
        {"label": None, "score": "score"},
        {"score": "score", "score_scale": "any"},
        {"score": "score", "weight": "weight"},
        {"prediction": None, "score": "score", "threshold": 0.5, "conditions": ("region",)},
        {"sensitive": ("sex", "region"), "minimum_group_size": 10_000, "gates": ()},
    ],
    ids=["labels", "decisions alone", "scores alone", "any scale", "weights", "threshold", "nobody judged"],
)
def test_every_kind_of_audit_has_its_documents(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = written(tmp_path / "people.csv", decisions())
    texts = rendered_documents(audit(options(path, **changed)).record)
    assert all(texts.values())
    assert "people.csv" in texts["report.html"]
    assert "Impact ratio" in texts["documents/nyc_ll144.md"]


def test_a_folder_that_holds_something_else_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInputError, match="is a file"):
        require_usable_folder(tmp_path / "file")
    for content in (json.dumps({"subject": "model"}), "no JSON"):
        (tmp_path / "evidence.json").write_text(content)
        with pytest.raises(BadInputError, match="holds the evidence of something else"):
            require_usable_folder(tmp_path)


def test_a_folder_that_cannot_be_written_into_is_refused_before_and_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInputError, match=r"file is a file\. Name another place with --output"):
        require_usable_folder(tmp_path / "file" / "audit")
    (tmp_path / "audit" / "report.html").mkdir(parents=True)
    with pytest.raises(BadInputError, match=r"report\.html is in the way"):
        require_usable_folder(tmp_path / "audit")
    with pytest.raises(BadInputError, match="stands among the documents"):
        require_usable_folder(tmp_path, tmp_path / "documents" / "people.csv")
    done = audited(tmp_path / "people.csv", TABLE)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "write_evidence", full)
    for folder in (tmp_path / "new", tmp_path / "old"):
        if folder.name == "old":
            folder.mkdir()
        with pytest.raises(BadInputError, match="cannot be written: No space left on device"):
            write_audit(folder, done.record)
        assert not folder.exists() or not list(folder.iterdir())


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("people.csv", "would replace another file"),
        ("audit/evidence.json", "would replace another file"),
        ("audit/documents/counts.parquet", "would replace another file"),
        (".", "is a folder"),
        ("people.csv/counts.parquet", "is a file"),
    ],
)
def test_joint_counts_replace_no_other_file(tmp_path: Path, place: str, message: str) -> None:
    (tmp_path / "people.csv").write_text(TABLE)
    with pytest.raises(BadInputError, match=message):
        require_usable_counts(tmp_path / place, tmp_path / "audit", tmp_path / "people.csv")
