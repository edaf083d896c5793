import json
from pathlib import Path

import pytest

from apps.ml.errors import BadInputError
from apps.ml.evaluation.evidence import FORMAT, read_evidence, signed, write_evidence
from apps.ml.files import read_json, sha256_of_json, write_json
from apps.ml.tests import small_evaluation


def test_the_record_is_the_same_twice_and_survives_writing(tmp_path: Path) -> None:
    record = small_evaluation.record()
    assert record == small_evaluation.record()
    write_evidence(tmp_path / "evidence.json", record)
    assert read_evidence(tmp_path / "evidence.json") == record
    assert list(read_json(tmp_path / "evidence.json"))[:2] == ["format", "digest"]


def test_the_digest_is_the_sha256_of_everything_else() -> None:
    record = small_evaluation.record()
    assert record["digest"] == sha256_of_json({key: value for key, value in record.items() if key != "digest"})


def test_the_digest_changes_with_any_fact_and_not_with_the_order_of_parts() -> None:
    record = small_evaluation.record()
    assert signed(dict(reversed(record.items())))["digest"] == record["digest"]
    other = json.loads(json.dumps(record))
    other["performance"]["accuracy"]["value"] += 0.001
    assert signed(other)["digest"] != record["digest"]
    assert small_evaluation.record(small_evaluation.LinearModel(base=0.3))["digest"] != record["digest"]


def test_a_record_that_was_changed_after_signing_is_refused(tmp_path: Path) -> None:
    record = small_evaluation.record()
    record["decision"]["threshold"] = 0.4
    write_json(tmp_path / "evidence.json", record)
    with pytest.raises(BadInputError, match="does not match its digest"):
        read_evidence(tmp_path / "evidence.json")


def test_a_missing_or_foreign_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="Run `dvc repro`"):
        read_evidence(tmp_path / "evidence.json")
    write_json(tmp_path / "evidence.json", {"format": FORMAT + 1})
    with pytest.raises(BadInputError, match=f"format {FORMAT}"):
        read_evidence(tmp_path / "evidence.json")


def test_the_record_holds_every_part_and_no_path() -> None:
    record = small_evaluation.record()
    assert list(record) == [
        *("format", "digest", "model", "decision", "data", "policy", "parameters"),
        *("performance", "fairness", "explainability", "local_explanations", "truth"),
    ]
    assert record["policy"]["sensitive_inputs"] == []
    assert record["data"]["source_digest"] == "0" * 64
    assert record["model"]["input_columns"] == ["income", "region <&> place", "debt"]
    assert str(Path.cwd()) not in json.dumps(record)
