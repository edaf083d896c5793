import copy
import hashlib
import json
from pathlib import Path

import pytest

from apps.ml.errors import BadInputError
from apps.ml.evaluation.evidence import FORMAT, read_evidence, signed, verify, write_evidence
from apps.ml.evaluation.record.layout import task_of
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.shares.rates import rate_named
from apps.ml.files import read_json, sha256_of_json, write_json
from apps.ml.tests import small_evaluation


def test_the_record_is_the_same_twice_and_survives_writing(tmp_path: Path) -> None:
    record = small_evaluation.record()
    assert record == small_evaluation.measured_record()
    write_evidence(tmp_path / "evidence.json", record)
    assert read_evidence(tmp_path / "evidence.json") == record
    assert list(read_json(tmp_path / "evidence.json"))[:2] == ["format", "digest"]


def test_the_digest_is_the_sha256_of_everything_else() -> None:
    record = small_evaluation.record()
    assert record["digest"] == sha256_of_json({key: value for key, value in record.items() if key != "digest"})


def test_the_digest_changes_with_any_fact_and_not_with_the_order_of_parts() -> None:
    record = small_evaluation.record()
    assert signed(dict(reversed(record.items())))["digest"] == record["digest"]
    for part in record:
        if part not in ("format", "digest"):
            other = copy.deepcopy(record)
            other[part] = {"changed": True}
            assert signed(other)["digest"] != record["digest"]
    other = json.loads(json.dumps(record))
    other["performance"]["accuracy"]["value"] += 0.001
    assert signed(other)["digest"] != record["digest"]
    assert small_evaluation.measured_record(small_evaluation.LinearModel(base=0.3))["digest"] != record["digest"]


def test_a_record_that_was_changed_after_signing_is_refused(tmp_path: Path) -> None:
    record = small_evaluation.record()
    record["decision"]["threshold"] = 0.4
    write_json(tmp_path / "evidence.json", record)
    with pytest.raises(BadInputError, match="does not match its digest"):
        read_evidence(tmp_path / "evidence.json")
    with pytest.raises(BadInputError, match="does not match its digest"):
        verify(record)


def test_a_missing_or_foreign_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="Run `dvc repro`"):
        read_evidence(tmp_path / "evidence.json")
    write_json(tmp_path / "evidence.json", {"format": FORMAT + 1})
    with pytest.raises(BadInputError, match=f"format {FORMAT}"):
        read_evidence(tmp_path / "evidence.json")


def test_a_record_of_format_1_is_refused_with_the_act_that_repairs_it(tmp_path: Path) -> None:
    write_json(tmp_path / "evidence.json", {"format": 1, "digest": "0" * 64})
    with pytest.raises(BadInputError, match=r"format 1, which has no counts.*Run `dvc repro`"):
        read_evidence(tmp_path / "evidence.json")


def test_a_record_of_format_2_is_read_as_it_was_signed_and_is_about_decisions(tmp_path: Path) -> None:
    record = {key: part for key, part in small_evaluation.record().items() if key not in ("task", "mitigation")}
    later = ("mitigation", "monotone", "calibration")
    record["model"] = {key: value for key, value in record["model"].items() if key not in later}
    old = signed(record, 2)
    write_json(tmp_path / "evidence.json", old)
    assert read_evidence(tmp_path / "evidence.json") == old
    assert task_of(old) == "binary_classification"
    with pytest.raises(BadInputError, match="does not match its digest"):
        verify({**old, "format": 3})
    with pytest.raises(BadInputError, match="names its task from format 3 on"):
        verify(signed(record))


def test_a_record_without_the_layout_is_neither_written_nor_read(tmp_path: Path) -> None:
    partial = signed({**small_evaluation.record(), "surprise": 1})
    with pytest.raises(BadInputError, match="layout of format 3"):
        write_evidence(tmp_path / "evidence.json", partial)
    assert not (tmp_path / "evidence.json").exists()
    write_json(tmp_path / "evidence.json", partial)
    with pytest.raises(BadInputError, match="layout of format 3"):
        read_evidence(tmp_path / "evidence.json")


def test_a_record_that_was_changed_after_signing_is_not_written(tmp_path: Path) -> None:
    record = small_evaluation.record()
    record["decision"]["threshold"] = 0.4
    with pytest.raises(BadInputError, match="does not match its digest"):
        write_evidence(tmp_path / "evidence.json", record)


def test_verifying_checks_digest_and_layout() -> None:
    verify(small_evaluation.record())
    verify(small_evaluation.audit_record())
    with pytest.raises(BadInputError, match="layout of format 3"):
        verify(signed({**small_evaluation.record(), "surprise": 1}))


def test_the_record_holds_every_part_and_no_path() -> None:
    record = small_evaluation.record()
    assert list(record) == [
        *("format", "digest", "task", "subject", "model", "decision", "data", "policy", "parameters", "inference"),
        *("performance", "fairness", "counts", "curves", "explainability", "local_explanations", "truth", "gates"),
        "mitigation",
    ]
    assert list(small_evaluation.audit_record()) == list(record)
    assert record["policy"]["sensitive_inputs"] == []
    assert record["data"]["source_digest"] == "0" * 64
    assert record["model"]["input_columns"] == ["income", "region <&> place", "debt"]
    assert str(Path.cwd()) not in json.dumps(record)


def test_an_auditor_recomputes_every_rate_from_the_counts_alone() -> None:
    for record in (small_evaluation.record(), small_evaluation.audit_record(labels=True)):
        for attribute, content in record["counts"].items():
            table = CountTable.from_dict(content)
            for name in ("selection_rate", "true_positive_rate", "accuracy"):
                numerators, denominators = rate_named(name).counts(table.counts)
                for group, above, below in zip(table.groups, numerators, denominators, strict=True):
                    told = record["fairness"][attribute]["groups"][group][name]["value"]
                    assert told == pytest.approx(above / below, abs=1e-9) if below else told is None


def test_the_record_of_an_audit_names_the_file_without_its_folder_and_has_no_model() -> None:
    record = small_evaluation.audit_record(labels=True, scores=True)
    assert record["subject"] == "decisions"
    assert record["model"] is None
    assert record["policy"] is None
    assert record["explainability"] == {}
    assert record["data"]["title"] == "decisions of <2025>.csv"
    assert "somebody" not in json.dumps(record)
    assert [(column["name"], column["role"]) for column in record["data"]["columns"]] == [
        *(("hired", "prediction"), ("label", "label"), ("score", "score")),
        *(("sex", "sensitive"), ("race", "sensitive")),
    ]


def test_the_digest_is_checked_without_fairmind_as_documented(tmp_path: Path) -> None:
    write_evidence(tmp_path / "evidence.json", small_evaluation.record())
    record = json.loads((tmp_path / "evidence.json").read_text(encoding="utf-8"))
    told = record.pop("digest")
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == told
