"""Evidence: proved by its digest, told by tag, cut into sections, kept within bounds."""

import asyncio
import json
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from apps.backend.models.evidence import EvidenceReader, known_digests, proved
from apps.backend.settings import Settings
from apps.backend.tests.models.conftest import Office
from apps.backend.tests.models.scripted_registry import Fault, ScriptedRegistry, altered, record
from apps.backend.upstreams.evidence_service import EvidenceService, EvidenceServiceError
from apps.backend.upstreams.registry import Registry

EVIDENCE = "/api/v1/models/loans/versions/1/evidence"
DIGEST = record()["digest"]


def test_the_record_comes_as_it_was_published(office: Office) -> None:
    answered = office.viewer.get(EVIDENCE)
    assert answered.json() == record()
    assert answered.headers["etag"] == f'"{DIGEST}"'
    assert answered.headers["cache-control"] == "private, no-cache"
    assert answered.headers["content-type"] == "application/json"


def test_a_section_comes_with_the_digest_of_the_whole(office: Office) -> None:
    answered = office.viewer.get(EVIDENCE, params={"section": "performance"})
    assert answered.json() == {"section": "performance", "digest": DIGEST, "content": record()["performance"]}


def test_an_unknown_section_is_told_which_there_are(office: Office) -> None:
    answered = office.viewer.get(EVIDENCE, params={"section": "horoscope"})
    assert (answered.status_code, answered.json()["code"]) == (404, "no_such_section")
    assert "explainability" in answered.json()["detail"]
    assert "horoscope" not in answered.json()["detail"]


@pytest.mark.parametrize("tag", ['"{}"', 'W/"{}"', '"other", "{}"'])
def test_who_has_it_gets_nothing_again(office: Office, tag: str) -> None:
    for _ in range(2):  # as yet unknown to this backend or known: other tests read it before
        answered = office.viewer.get(EVIDENCE, headers={"If-None-Match": tag.format(DIGEST)})
        assert (answered.status_code, answered.content) == (304, b"")
        assert answered.headers["etag"] == f'"{DIGEST}"'


def test_who_has_another_one_gets_it(office: Office) -> None:
    answered = office.viewer.get(EVIDENCE, headers={"If-None-Match": '"' + "0" * 64 + '"'})
    assert (answered.status_code, answered.json()) == (200, record())


def test_it_is_sent_to_the_backend_once(office: Office) -> None:
    office.viewer.get(EVIDENCE)
    office.registry.asked.clear()
    assert office.viewer.get(EVIDENCE, params={"section": "fairness"}).status_code == 200
    assert [asked.headers["if-none-match"] for asked in office.registry.asked] == [f'"{DIGEST}"']


def test_a_version_that_gets_other_evidence_shows_it(office: Office) -> None:
    office.viewer.get(EVIDENCE)
    changed = record(task="changed")
    office.registry.versions["loans"][0].record = changed
    assert office.viewer.get(EVIDENCE).json() == changed


def test_a_version_without_evidence_says_so(office: Office) -> None:
    assert office.viewer.get(EVIDENCE.replace("/1/", "/3/")).status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        altered(record(), task="forged"),
        {name: value for name, value in record().items() if name != "digest"},
        {"error": {"code": "odd"}},
        [1],
        {**record(), "format": "three"},
    ],
)
def test_evidence_that_is_not_what_its_digest_says_is_not_shown(office: Office, content: Any) -> None:
    office.registry.faults = [Fault("GET", "/evidence", JSONResponse(content))]
    answered = office.viewer.get(EVIDENCE)
    assert (answered.status_code, answered.json()["code"]) == (503, "evidence_service_broken")


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse(record(), headers={"ETag": '"' + "0" * 64 + '"'}),
        Response(status_code=304, headers={"ETag": '"' + "0" * 64 + '"'}),
    ],
)
def test_a_tag_that_does_not_fit_is_not_believed(office: Office, answer: Response) -> None:
    office.registry.faults = [Fault("GET", "/evidence", answer)]
    assert office.viewer.get(EVIDENCE).json()["code"] == "evidence_service_broken"


def test_what_is_kept_is_bounded(running: ScriptedRegistry) -> None:
    running.reset()
    size = proved(json.dumps(record()).encode()).size

    async def read_twice() -> list[int]:
        service = EvidenceService(Settings(evidence=running.address))
        reader = EvidenceReader(Registry(service), kept_bytes=size + 100)
        try:
            for version in ("1", "2", "1", "1"):
                await reader.record("loans", version)
        finally:
            await service.close()
        return [asked.headers.get("if-none-match") is not None for asked in running.asked]

    assert asyncio.run(read_twice()) == [False, False, False, True]


def test_a_digest_is_proved_as_the_documents_say() -> None:
    found = proved(json.dumps(record(), indent=2).encode())
    assert found.digest == DIGEST
    assert json.loads(found.part("data"))["content"]["title"] == "Loans"
    with pytest.raises(EvidenceServiceError, match="not what it promises"):
        proved(json.dumps(altered(record(), format=4)).encode())


def test_only_digests_are_taken_for_tags() -> None:
    assert known_digests(None) == []
    assert known_digests('*, "short", W/"' + "a" * 64 + '"') == ["a" * 64]
    assert len(known_digests(", ".join(f'"{"b" * 64}"' for _ in range(20)))) == 10
