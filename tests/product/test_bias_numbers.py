"""Bias tests through backend and evidence service give the numbers that `fairmind audit` prints: all of them, exactly.

ProPublica's COMPAS scores where FAIRMIND_DATA_DIR holds them, and a table that is made here everywhere.
"""

import csv
import io
import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from apps.backend.bias_tests.metrics import METRICS, gate_of
from apps.backend.tests.product import PATIENCE_SECONDS, running_backend, small_settings
from apps.backend.upstreams import audits
from apps.ml.command_line import main
from apps.ml.evaluation.record.record_file import verify
from apps.ml.tests.code.evidence_service.audits.served_audits import served

API = "/api/v1/bias-v2"
Command = Callable[..., dict[str, Any]]
COMPAS = Path(os.environ.get("FAIRMIND_DATA_DIR", "none")) / "compas" / "compas-scores-two-years.csv"
COMPAS_WORDS = {"positive_label": ["Medium", "High", 1], "favourable_label": ["Low", 0]}
PROPUBLICA = {
    "African-American": {"false_positive_rate": 0.448468, "accuracy": (1369 + 990) / 3696},
    "Caucasian": {"false_positive_rate": 0.234543, "accuracy": (505 + 1139) / 2454},
}
"""Of all 7,214 people, prediction `score_text != "Low"`."""


@dataclass
class Bench:
    """An analyst of an organisation, over the real engine."""

    client: httpx.Client

    def upload(self, content: bytes) -> dict[str, Any]:
        answer = self.client.post(f"{API}/upload-dataset", files={"file": ("table", content)}, timeout=120)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def detect(self, dataset: str, **body: Any) -> httpx.Response:
        return self.client.post(f"{API}/detect", json={"model_id": "loans", "dataset_id": dataset, **body}, timeout=120)

    def test(self, dataset: str, **body: Any) -> dict[str, Any]:
        answer = self.detect(dataset, **body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        assert self.client.get(f"{API}/test/{found['test_id']}").json() == found
        return found


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A backend over the evidence service's audits."""
    folder = tmp_path_factory.mktemp("bias")
    with (
        pytest.MonkeyPatch.context() as patch,
        served(folder / "private") as evidence,
        running_backend(small_settings(folder, evidence=f"http://127.0.0.1:{evidence.port}")) as product,
    ):
        patch.setattr(audits, "CONNECT_SECONDS", PATIENCE_SECONDS)
        yield Bench(product.organisation("bias").client("analyst"))


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """What `fairmind audit FILE … --json` prints."""

    def run(path: Path, *options: str) -> dict[str, Any]:
        capsys.readouterr()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["fairmind", "audit", str(path), *options, "--json"])
        with pytest.raises(SystemExit):
            main()
        printed: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return printed

    return run


def require_same(test: dict[str, Any], printed: dict[str, Any], attribute: str, threshold: float = 0.8) -> None:
    """Hold every number of a test against the command's."""
    fairness = printed["fairness"][attribute]
    assert test["rows"] == printed["rows"]
    assert test["guards"] == {
        name: {"verdict": guard["verdict"], "reason": guard["reason"]}
        for name, guard in printed["gates"]["guards"].items()
    }
    for name, result in test["results"].items():
        metric = METRICS[name]
        measured, gap = fairness[metric.measurement], fairness[metric.difference]
        gate = printed["gates"]["gates"][gate_of(metric, threshold)]
        judged = gate["measurements"][f"fairness.{attribute}.{metric.measurement}"]
        assert (result["score"], result["disparity"]) == (measured["value"], gap["value"])
        assert result["interval"] == [judged["lower"], judged["upper"]] == [measured["lower"], measured["upper"]]
        assert result["simultaneous_interval"] == [measured["simultaneous_lower"], measured["simultaneous_upper"]]
        assert (result["verdict"], result["reason"]) == (gate["verdict"], gate["reason"])
        assert result["passed"] == {"PASS": True, "FAIL": False}.get(gate["verdict"])
        assert (result["lowest"], result["highest"]) == (measured["lowest"], measured["highest"])
        for key in ("p_value", "adjusted_p_value", "family", "rows_to_decide", "confidence"):
            assert result[key] == judged.get(key), (name, key)
        assert set(result["group_scores"]) == set(fairness["groups"])
        for group, score in result["group_scores"].items():
            rate = fairness["groups"][group][result["rate"]]
            assert score["value"] == rate["value"]
            assert score["interval"] == (None if rate["value"] is None else [rate["lower"], rate["upper"]])
            assert score["judged"] == fairness["groups"][group]["judged"]


@pytest.mark.skipif(not COMPAS.is_file(), reason="FAIRMIND_DATA_DIR holds no compas/compas-scores-two-years.csv")
def test_compas_comes_out_as_the_command_says(bench: Bench, command: Command) -> None:
    uploaded = bench.upload(COMPAS.read_bytes())
    assert uploaded["rows"] == 7214
    names = [name for name in METRICS if name != "calibration"]
    gates = [part for name in names[1:] for part in ("--gate", gate_of(METRICS[name], 0.8))]
    words = ("--positive", "Medium,High,1", "--favourable", "Low,0")
    columns = ("--prediction", "score_text", "--label", "two_year_recid")
    for attribute in ("race", "sex"):
        test = bench.test(
            uploaded["dataset_id"],
            protected_attribute=attribute,
            prediction_column="score_text",
            ground_truth_column="two_year_recid",
            **COMPAS_WORDS,
        )
        assert list(test["results"]) == names
        printed = command(COMPAS, *columns, *words, "--sensitive", attribute, *gates)
        require_same(test, printed, attribute)
        assert test["verdict"] == printed["verdict"]
        if attribute == "race":
            require_propublica(test)


def require_propublica(test: dict[str, Any]) -> None:
    assert (test["verdict"], test["overall_risk"]) == ("FAIL", "critical")
    assert test["results"]["demographic_parity"]["passed"] is False
    for group, rates in PROPUBLICA.items():
        parity = test["results"]["false_positive_rate_parity"]["group_scores"][group]
        assert parity["value"] == pytest.approx(rates["false_positive_rate"], abs=5e-7)
        accuracy = test["results"]["accuracy_equality"]["group_scores"][group]
        assert accuracy["value"] == pytest.approx(rates["accuracy"], abs=5e-7)
    assert any("Native American (18 rows" in note for note in test["notes"])


def made_table(rows: int = 3000) -> bytes:
    """Return decisions about two groups and a small third, with scores; cells that a spreadsheet would run."""
    draw, text = random.Random(7), io.StringIO()  # noqa: S311 (an example)
    writer = csv.writer(text)
    writer.writerow(["id", "sex, as said", "score", "decision", "truth", "=1+1"])
    for number in range(rows):
        group = "c" if number < 12 else draw.choice(["=cmd|' /C calc'!A0", "b"])
        score = round(draw.random(), 3)
        truth = int(draw.random() < (score if group == "b" else score * 0.8))
        writer.writerow([number, group, score, "Yes" if score >= 0.5 else "No", truth, "+1"])
    return text.getvalue().encode()


def test_every_metric_comes_out_as_the_command_says(bench: Bench, command: Command, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(made_table())
    gates = [part for name in list(METRICS)[1:] for part in ("--gate", gate_of(METRICS[name], 0.9))]
    columns = ("--prediction", "decision", "--label", "truth", "--score", "score", "--positive", "yes,1")
    printed = command(path, *columns, "--sensitive", '"sex, as said"', *gates)
    body = {
        "protected_attribute": "sex, as said",
        "prediction_column": "decision",
        "ground_truth_column": "truth",
        "score_column": "score",
        "positive_label": ["yes", 1],
        "fairness_threshold": 0.9,
    }
    test = bench.test(bench.upload(path.read_bytes())["dataset_id"], **body)
    assert list(test["results"]) == list(METRICS)
    require_same(test, printed, "sex, as said", 0.9)
    parquet = io.BytesIO()
    pd.read_csv(path).to_parquet(parquet)
    again = bench.test(bench.upload(parquet.getvalue())["dataset_id"], **body)
    assert again["results"] == test["results"]


def test_the_evidence_is_kept_with_its_digest(bench: Bench) -> None:
    uploaded = bench.upload(made_table())
    body = {"protected_attribute": "sex, as said", "prediction_column": "decision"}
    test = bench.test(uploaded["dataset_id"], **body)
    assert set(test["results"]) == {"demographic_parity", "disparate_impact"}
    kept = bench.client.get(f"{API}/test/{test['test_id']}/evidence").json()
    assert kept["record"]["digest"] == kept["evidence"] == test["evidence"]
    assert uploaded["sha256"] in json.dumps(kept["record"])
    verify(kept["record"])


def test_the_engine_refuses_in_the_words_of_the_api(bench: Bench) -> None:
    dataset = bench.upload(made_table())["dataset_id"]
    body = {"protected_attribute": "sex, as said", "prediction_column": "score", "ground_truth_column": "truth"}
    probabilities = bench.detect(dataset, **body)
    assert probabilities.status_code == 422
    assert "`score_threshold`" in probabilities.json()["detail"]
    holes = made_table().decode().replace(",Yes,", ",,", 5).replace(",No,", ",maybe,", 3)
    damaged = bench.upload(holes.encode())["dataset_id"]
    words = bench.detect(damaged, **{**body, "prediction_column": "decision"}, positive_label=["yes", 1])
    assert words.status_code == 422
    unknown, missing = words.json()["errors"]
    assert (unknown["location"], missing["location"]) == ("file.decision", "file.decision")
    assert "(3 rows)" in unknown["problem"]
    assert "`positive_label`" in unknown["expected"]
    assert "`leave_out_missing`" in missing["expected"]
    for said in (probabilities.text, words.text):
        assert not any(
            foreign in said for foreign in ("`positive`", "`findings`", "`label`", "`missing`", "--", "cmd|")
        )
    decided = {"prediction_column": None, "score_column": "score", "score_threshold": 0.5}
    by_score = bench.test(dataset, **{**body, **decided})
    by_column = bench.test(dataset, **{**body, "prediction_column": "decision"}, positive_label=["yes", 1])
    parity = [test["results"]["demographic_parity"]["score"] for test in (by_score, by_column)]
    assert parity[0] == parity[1]
    unlabelled = bench.test(
        dataset, **{**body, "prediction_column": "decision", "ground_truth_column": None, "metrics": ["equalized_odds"]}
    )
    assert unlabelled["results"]["equalized_odds"]["verdict"] == "UNDEFINED"
    assert len(unlabelled["results"]["equalized_odds"]["group_scores"]) == 3


def test_files_that_are_no_tables_are_refused(bench: Bench) -> None:
    for content in (b"sex,decision\n", b"sex,sex\na,1\n", b"sex,decision\na,1,2\n", b"PAR1" + b"\x00" * 64 + b"PAR1"):
        answer = bench.client.post(f"{API}/upload-dataset", files={"file": ("t", content)}, timeout=60)
        assert answer.status_code == 422, answer.text
        assert answer.json()["detail"]
    preview = bench.upload(made_table())["preview"]
    assert preview[0]["=1+1"] == 1
    assert preview[0]["decision"] in ("Yes", "No")
