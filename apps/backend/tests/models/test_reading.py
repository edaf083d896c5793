"""Models, versions, lineage and comparisons: as the evidence service tells, and of granted models alone."""

from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from apps.backend.tests.models.conftest import Office
from apps.backend.tests.models.scripted_registry import Fault, half, refusal

MODELS = "/api/v1/models"
PATHS = (
    "/versions",
    "/versions/1",
    "/versions/1/evidence",
    "/versions/1/documents",
    "/versions/1/documents/card",
    "/versions/1/lineage",
    "/comparison?version=1&version=2",
)


def test_only_granted_models_are_listed(office: Office) -> None:
    listed = office.viewer.get(MODELS).json()
    assert listed == {"models": [{"name": "loans", "title": "Loans", "aliases": {"champion": "1"}, "newest": "3"}]}


def test_an_organisation_without_models_sees_none(office: Office) -> None:
    nobody = office.product.organisation(f"none of {office.organisation.name}", models=())
    assert nobody.client("viewer").get(MODELS).json() == {"models": []}
    assert office.registry.asked == []


@pytest.mark.parametrize("path", PATHS)
def test_another_organisations_model_is_one_that_is_not_there(office: Office, path: str) -> None:
    others = office.viewer.get(f"{MODELS}/secret{path}")
    nobodys = office.viewer.get(f"{MODELS}/nothing{path}")
    assert others.status_code == nobodys.status_code == 404
    told = [{key: value for key, value in one.json().items() if key != "request_id"} for one in (others, nobodys)]
    assert told[0] == told[1]
    assert office.registry.asked == []


@pytest.mark.parametrize("path", PATHS)
def test_what_was_read_before_is_not_told_to_others(office: Office, path: str) -> None:
    assert office.viewer.get(f"{MODELS}/loans{path}").status_code == 200
    nobody = office.product.organisation(f"other of {office.organisation.name}{path}", models=())
    assert nobody.client("admin").get(f"{MODELS}/loans{path}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/versions/9", "/versions/9/documents", "/versions/9/lineage", "/versions/9/evidence"]
)
def test_a_version_that_is_not_there_is_told_so(office: Office, path: str) -> None:
    answered = office.viewer.get(f"{MODELS}/loans{path}")
    assert answered.status_code == 404
    assert answered.json()["code"] == "not_found"


@pytest.mark.parametrize(
    "path", ["/versions/0", "/versions/latest", "/versions/1/documents/..%2Fetc", "/versions/1%00"]
)
def test_odd_names_reach_nobody(office: Office, path: str) -> None:
    assert office.viewer.get(f"{MODELS}/loans{path}").status_code in (400, 404, 422)
    assert office.registry.asked == []


def test_versions_come_with_what_the_registry_says(office: Office) -> None:
    versions = office.viewer.get(f"{MODELS}/loans/versions").json()["versions"]
    assert [version["version"] for version in versions] == ["3", "2", "1"]
    assert versions[2]["aliases"] == ["champion"]
    assert versions[2]["created_at"] == "2026-11-21T10:00:00Z"


def test_a_version_comes_with_its_gates_as_published(office: Office) -> None:
    version = office.viewer.get(f"{MODELS}/loans/versions/1").json()
    assert version["gates"][0]["rows_to_decide"] == 12
    assert version["gates"][0]["measurements"]["performance.roc_auc"]["lower"] == 0.85
    assert version["policy"][0]["name"] == "chance"


def test_lineage_is_a_graph(office: Office) -> None:
    lineage = office.viewer.get(f"{MODELS}/loans/versions/1/lineage").json()
    assert lineage["edges"] == [{"source": "version", "target": "run", "relation": "from"}]


def test_versions_are_compared_with_the_first(office: Office) -> None:
    compared = office.viewer.get(f"{MODELS}/loans/comparison", params={"version": ["1", "2"]}).json()
    assert (compared["baseline"], compared["paired"][0]["undefined"]) == ("1", "the rows are not there")


@pytest.mark.parametrize("versions", [["1"], ["1", "1"], ["1", "x"], list("123456")])
def test_two_to_five_different_versions_are_compared(office: Office, versions: list[str]) -> None:
    answered = office.viewer.get(f"{MODELS}/loans/comparison", params={"version": versions})
    assert answered.status_code == 422
    assert office.registry.asked == []


def test_why_versions_cannot_be_compared_is_told(office: Office) -> None:
    office.registry.faults = [Fault("GET", "/comparison", refusal(409, "not_comparable"))]
    answered = office.viewer.get(f"{MODELS}/loans/comparison?version=1&version=2")
    assert (answered.status_code, answered.json()["code"]) == (409, "not_comparable")
    assert answered.json()["detail"] == "Not comparable. Choose another."


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"versions": None},
        {"versions": [{"model": "loans"}]},
        [],
        {"versions": [{"model": "another", "version": "1", "created_at": "2026-11-21T10:00:00Z", "aliases": [],
                       "verdict": "PASS", "run_id": "r"}]},
    ],
)  # fmt: skip
def test_an_odd_answer_is_not_passed_on(office: Office, content: Any) -> None:
    office.registry.faults = [Fault("GET", "/versions", JSONResponse(content))]
    answered = office.viewer.get(f"{MODELS}/loans/versions")
    assert (answered.status_code, answered.json()["code"]) == (503, "evidence_service_broken")
    assert answered.headers["retry-after"] == "60"


@pytest.mark.parametrize(
    "body", [b"{", b"", b'{"versions": [], "x": NaN}', b'{"versions": [], "x": 1e999}', b"[" * 100_000, b"\xff"]
)
def test_what_is_no_json_is_not_passed_on(office: Office, body: bytes) -> None:
    office.registry.faults = [Fault("GET", "/versions", Response(body, media_type="application/json"))]
    assert office.viewer.get(f"{MODELS}/loans/versions").json()["code"] == "evidence_service_broken"


def test_a_graph_whose_edges_lead_nowhere_is_not_passed_on(office: Office) -> None:
    edge = {"source": "version", "target": "moon", "relation": "from"}
    office.registry.faults = [Fault("GET", "/lineage", JSONResponse({"nodes": [], "edges": [edge]}))]
    assert office.viewer.get(f"{MODELS}/loans/versions/1/lineage").json()["code"] == "evidence_service_broken"


def test_half_an_answer_is_asked_for_again(office: Office) -> None:
    office.registry.faults = [Fault("GET", "/versions", half())]
    assert office.viewer.get(f"{MODELS}/loans/versions").status_code == 200
    office.registry.faults = [Fault("GET", "/versions", half()) for _ in range(3)]
    answered = office.viewer.get(f"{MODELS}/loans/versions")
    assert (answered.status_code, answered.json()["code"]) == (503, "evidence_service_away")


def test_the_id_of_a_request_goes_on(office: Office) -> None:
    office.viewer.get(f"{MODELS}/loans/versions", headers={"X-Request-ID": "mine-1"})
    assert office.registry.asked[0].headers["x-request-id"] == "mine-1"
