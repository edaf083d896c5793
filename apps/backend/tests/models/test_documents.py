"""Documents: listed ones alone, stored and not shown, whole or not at all."""

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from apps.backend.tests.models.conftest import Office
from apps.backend.tests.models.scripted_registry import CARD, Fault, half, refusal

DOCUMENTS = "/api/v1/models/loans/versions/1/documents"


def test_a_document_is_a_file_to_store(office: Office) -> None:
    answered = office.viewer.get(f"{DOCUMENTS}/card")
    assert answered.content == CARD
    assert answered.headers["content-disposition"] == 'attachment; filename="card.md"'
    assert answered.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["content-length"] == str(len(CARD))


def test_a_type_that_is_not_on_the_list_is_bytes(office: Office) -> None:
    answered = office.viewer.get(f"{DOCUMENTS}/strange")
    assert answered.headers["content-type"] == "application/octet-stream"
    assert answered.headers["content-disposition"] == 'attachment; filename="strange"'


def test_a_name_that_is_not_listed_is_not_asked_for(office: Office) -> None:
    answered = office.viewer.get(f"{DOCUMENTS}/passwd")
    assert (answered.status_code, answered.json()["code"]) == (404, "not_found")
    assert [asked.path.rpartition("/")[2] for asked in office.registry.asked] == ["documents"]


def test_a_listed_name_that_is_no_file_name_cannot_be_asked_for(office: Office) -> None:
    listed = {"name": 'a"\r\nX: 1', "title": "", "media_type": "text/plain", "bytes": 1}
    office.registry.faults = [Fault("GET", "/documents", JSONResponse({"documents": [listed]}))]
    assert office.viewer.get(f"{DOCUMENTS}/a%22%0D%0AX:%201").status_code == 422


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (refusal(404, "unknown_document"), 404, "not_found"),
        (refusal(502, "damaged"), 503, "evidence_service_broken"),
        (Response(CARD + b"more"), 503, "evidence_service_broken"),
        (Response(CARD, headers={"Content-Encoding": "gzip"}), 503, "evidence_service_broken"),
        (Response(CARD, 206), 503, "evidence_service_broken"),
    ],
)
def test_what_does_not_fit_is_refused(office: Office, answer: Response, status: int, code: str) -> None:
    office.registry.faults = [Fault("GET", "/card", answer)]
    answered = office.viewer.get(f"{DOCUMENTS}/card")
    assert (answered.status_code, answered.json()["code"]) == (status, code)


def test_half_a_document_is_never_taken_for_a_whole_one(office: Office) -> None:
    office.registry.versions["loans"][0].documents["long"] = ("text/plain", b"x" * 1000)
    office.registry.faults = [Fault("GET", "/long", half(b"x" * 10))]
    with pytest.raises(httpx.RemoteProtocolError):
        office.viewer.get(f"{DOCUMENTS}/long")
    assert office.viewer.get(f"{DOCUMENTS}/long").content == b"x" * 1000
