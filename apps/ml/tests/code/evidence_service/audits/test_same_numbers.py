"""An audit over HTTP gives the very JSON that the command prints."""

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.ml.command_line import main
from apps.ml.tests.audited_files import COMPAS, decisions, written
from apps.ml.tests.code.evidence_service.audits.served_audits import CSV, PARQUET, Served

Parameters = list[tuple[str, str]]

EVERYTHING: Parameters = [
    ("prediction", "decision"),
    ("label", "label"),
    ("score", "score"),
    ("weight", "weight"),
    ("sensitive", "sex"),
    ("sensitive", "age"),
    ("bands", "age=45"),
    ("condition", "region"),
    ("intersections", "1"),
    ("reference", "sex=female"),
    ("minimum_group_size", "10"),
    ("confidence", "0.9"),
    ("gate", "fairness.*.demographic_parity_ratio>=0.5"),
    ("gate", "performance.accuracy>=0.1"),
    ("missing", "none,NA"),
    ("leave_out_missing", "true"),
]
OTHER: Parameters = [
    ("score", "score"),
    ("threshold", "0.6"),
    ("score_scale", "any"),
    ("sensitive", "sex"),
    ("positive", "1"),
    ("favourable", "0"),
    ("negative", "0"),
    ("no_gates", "true"),
]


def command(
    path: Path, parameters: Parameters, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    """Return what `fairmind audit --json` prints, without what it says of files."""
    arguments = [part for name, value in parameters for part in _written(name, value)]
    monkeypatch.setattr(sys, "argv", ["fairmind", "audit", str(path), *arguments, "--json"])
    monkeypatch.chdir(path.parent)
    with pytest.raises(SystemExit):
        main()
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {name: content for name, content in printed.items() if name not in ("output", "files")}


def _written(name: str, value: str) -> list[str]:
    option = f"--{name.replace('_', '-')}"
    return [option] if value == "true" else [option, value]


def asked(service: Served, path: Path, parameters: Parameters) -> httpx.Response:
    headers = PARQUET if path.suffix == ".parquet" else CSV
    query = httpx.QueryParams(tuple(parameters))
    return service.client.post("/v1/audits", params=query, content=path.read_bytes(), headers=headers)


@pytest.mark.parametrize(("name", "parameters"), [("table.csv", EVERYTHING), ("table.parquet", OTHER)])
def test_the_json_is_that_of_the_command(
    service: Served,
    tmp_path: Path,
    name: str,
    parameters: Parameters,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = written(tmp_path / name, decisions())
    answer = asked(service, path, parameters)
    assert answer.status_code == 200, answer.text
    assert answer.json() == command(path, parameters, monkeypatch, capsys)
    assert (answer.json()["verdict"] is None) == (parameters is OTHER)
    assert service.stored() == []


def test_the_record_is_that_of_the_command_under_the_name_that_was_given(
    service: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "Decisions of May.csv", decisions())
    parameters = [("prediction", "decision"), ("sensitive", "sex")]
    extra = [("record", "true"), ("name", path.name)]
    answer = asked(service, path, parameters + extra).json()
    record = answer.pop("record")
    printed = command(path, parameters, monkeypatch, capsys)
    assert answer == printed
    assert record == json.loads((tmp_path / "audit_Decisions of May" / "evidence.json").read_text(encoding="utf-8"))
    assert record["digest"] == printed["evidence"]


@pytest.mark.skipif(not COMPAS.exists(), reason="FAIRMIND_DATA_DIR is not set; the COMPAS rows are not here")
def test_compas_gives_the_published_counts(
    service: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / COMPAS.name
    path.write_bytes(COMPAS.read_bytes())
    parameters = [
        ("prediction", "score_text"),
        ("positive", "Medium,High,1"),
        ("label", "two_year_recid"),
        ("favourable", "Low,0"),
        ("sensitive", "race,sex"),
    ]
    answer = asked(service, path, [*parameters, ("name", path.name)])
    content = answer.json()
    assert content == command(path, parameters, monkeypatch, capsys)
    counts = dict(zip(content["counts"]["race"]["groups"], content["counts"]["race"]["counts"], strict=True))
    assert counts["African-American"] == [[990, 805], [532, 1369]]
    assert (answer.status_code, content["verdict"]) == (200, "FAIL")
