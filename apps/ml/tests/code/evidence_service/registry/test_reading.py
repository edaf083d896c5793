"""Models and versions, as they were published."""

import math
from datetime import datetime

import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.files import read_json
from apps.ml.tests.code.evidence_service.registry.published_registry import (
    CHAMPION,
    FAILS,
    FOREIGN,
    MODEL,
    PASSES,
    RANKS_WORSE,
    ROOT,
    Asking,
    Published,
)

NAMES_OF_NOBODY = ("nobody", "%00", "a'b", 'a"b', "..", "%2e%2e", "%27%20or%20%271%27=%271", "x" * 5000, "%F0%9F%A6%86")


def test_models_are_listed_with_title_aliases_and_newest_version(service: Asking) -> None:
    foreign, own = service.get(ROOT).json()["models"]
    assert foreign == {"name": FOREIGN, "title": None, "aliases": {}, "newest": "1"}
    assert (own["name"], own["newest"]) == (MODEL, RANKS_WORSE)
    assert own["aliases"] == {"candidate": RANKS_WORSE, "champion": CHAMPION}
    assert own["title"]


def test_versions_come_newest_first_with_what_became_of_each(service: Asking, published: Published) -> None:
    versions = service.get(f"{ROOT}/{MODEL}/versions").json()["versions"]
    assert [one["version"] for one in versions] == [RANKS_WORSE, FAILS, PASSES, CHAMPION]
    assert [one["verdict"] for one in versions] == ["PASS", "FAIL", "PASS", "PASS"]
    assert [one["status"] for one in versions] == ["candidate", "refused", None, "champion"]
    first = versions[-1]
    assert first["evidence"] == read_json(published.artifact(CHAMPION, "reports/evidence.json"))["digest"]
    assert (first["estimator"], first["dataset"], first["commit"]) == ("lightgbm", MODEL, None)
    assert datetime.fromisoformat(first["created_at"]).tzinfo is not None
    assert service.get(f"{ROOT}/{MODEL}/versions/{CHAMPION}").json().items() >= first.items()


def test_a_version_shows_the_measurement_that_decided_each_gate(service: Asking) -> None:
    found = service.get(f"{ROOT}/{MODEL}/versions/{FAILS}").json()
    gates = {gate["name"]: gate for gate in found["gates"]}
    ranking = gates["ranking"]
    assert (ranking["verdict"], ranking["value"], ranking["threshold"]) == ("FAIL", 0.5, 0.7)
    assert (ranking["measurement"], ranking["direction"]) == ("performance.roc_auc", "at_least")
    assert ranking["measurements"]["performance.roc_auc"]["upper"] == 0.55
    assert "beside" not in gates  # judged at promotion, not before
    assert found["reason"].startswith("gates: ")
    assert {rule["name"] for rule in found["policy"]}
    assert all(rule["value"] is None for rule in found["policy"])


def test_metrics_have_intervals_or_the_reason_why_there_is_no_value(service: Asking) -> None:
    found = service.get(f"{ROOT}/{MODEL}/versions/{CHAMPION}").json()
    roc_auc = found["metrics"]["performance.roc_auc"]
    assert roc_auc["value"] == 0.8
    assert math.isclose(roc_auc["lower"], 0.75)
    assert math.isclose(roc_auc["upper"], 0.85)
    assert found["metrics"]["performance.precision"] == {"value": None, "undefined": "no row was predicted positive"}
    assert found["parameters"]["model_training.estimator"] == "lightgbm"


def test_a_version_that_was_never_published_says_so(service: Asking) -> None:
    place = f"{ROOT}/{FOREIGN}/versions/1"
    found = service.get(place).json()
    assert (found["verdict"], found["gates"], found["metrics"], found["run_id"]) == ("INCONCLUSIVE", [], {}, "")
    assert (found["evidence"], found["estimator"], found["status"]) == (None, None, None)
    assert found["reason"] == "nothing was judged: no verdict was published with this version"
    assert service.get(f"{place}/documents").json() == {"documents": []}
    assert [node["kind"] for node in service.get(f"{place}/lineage").json()["nodes"]] == ["model", "version"]
    assert service.get(f"{place}/evidence", 404).json()["error"]["code"] == "no_evidence"


@pytest.mark.parametrize("name", NAMES_OF_NOBODY)
def test_a_model_that_is_not_there_is_told_in_the_same_words(name: str, service: Asking) -> None:
    for path in ("versions", "versions/1", "versions/1/evidence", "versions/1/documents/card", "comparison"):
        query = "?version=1&version=2" if path == "comparison" else ""
        answer = service.get(f"{ROOT}/{name}/{path}{query}", 404).json()["error"]
        assert answer["code"] in ("unknown_model", "not_found")  # dots are taken out before a path is looked at
        assert "nobody" not in answer["message"]


@pytest.mark.parametrize("number", ["9", "0", "01", "-1", "champion", "1%00", "%EF%BC%91", "1' or '1'='1"])
def test_a_version_that_is_not_there_is_told(number: str, service: Asking) -> None:
    answer = service.get(f"{ROOT}/{MODEL}/versions/{number}", 404).json()["error"]
    assert answer["code"] == "unknown_version"


def test_the_way_back_leads_from_the_version_to_rows_bundle_evidence_and_gates(service: Asking) -> None:
    graph = service.get(f"{ROOT}/{MODEL}/versions/{CHAMPION}/lineage").json()
    nodes = {node["id"]: node for node in graph["nodes"]}
    edges = {(edge["source"], edge["relation"], nodes[edge["target"]]["kind"]) for edge in graph["edges"]}
    assert all(edge["source"] in nodes and edge["target"] in nodes for edge in graph["edges"])
    version = f"version:{MODEL}/{CHAMPION}"
    assert {(version, "version_of", "model"), (version, "made_by", "run"), (version, "shown_by", "evidence")} <= edges
    assert {(version, "holds", "bundle")} <= edges
    splits = {node["label"]: node["facts"]["rows"] for node in nodes.values() if node["kind"] == "split"}
    assert splits["test rows"] == 300
    assert sum(node["kind"] == "gate" for node in nodes.values()) == 2
    assert not any(node["kind"] == "commit" for node in nodes.values())  # published from no repository


def test_a_record_kept_by_its_digest_is_the_one_of_the_workspace(service: Asking, published: Published) -> None:
    newest = service.get(f"{ROOT}/{MODEL}/versions/{RANKS_WORSE}/evidence").json()
    assert newest == read_json(published.folder / ArtifactPaths().evidence)
