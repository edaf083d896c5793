"""The evidence record over HTTP: byte for byte, by section, and never one that was changed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from apps.ml.evaluation.evidence import verify
from apps.ml.files import read_json
from apps.ml.tests.code.evidence_service.registry.published_registry import (
    CHAMPION,
    FAILS,
    MODEL,
    ROOT,
    Asking,
    Published,
    running_service,
)

EVIDENCE_FILE = "reports/evidence.json"
PLACE = f"{ROOT}/{MODEL}/versions/{CHAMPION}/evidence"


def test_the_record_comes_byte_for_byte_and_its_tag_is_its_digest(service: Asking, published: Published) -> None:
    answer = service.get(PLACE)
    assert answer.content == published.artifact(CHAMPION, EVIDENCE_FILE).read_bytes()
    verify(answer.json())
    assert answer.headers["etag"] == f'"{answer.json()["digest"]}"'
    assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("written", ['"{tag}"', 'W/"{tag}"', '"other", "{tag}"', "*", '"other",W/"{tag}"'])
def test_a_record_that_the_caller_holds_is_not_sent_again(written: str, service: Asking) -> None:
    tag = service.get(PLACE).headers["etag"].strip('"')
    answer = service.get(PLACE, 304, headers={"If-None-Match": written.replace("{tag}", tag)})
    assert answer.headers["etag"] == f'"{tag}"'
    assert answer.content == b""


@pytest.mark.parametrize("written", ['"other"', "{tag}", '"{tag}x"', ""])
def test_any_other_tag_gets_the_record(written: str, service: Asking) -> None:
    tag = service.get(PLACE).headers["etag"].strip('"')
    service.get(PLACE, headers={"If-None-Match": written.replace("{tag}", tag)})


def test_every_section_is_the_one_of_the_record(service: Asking) -> None:
    record = service.get(PLACE).json()
    for section in sorted(set(record) - {"format", "digest"}):
        answer = service.get(f"{PLACE}?section={section}")
        assert answer.json() == {"section": section, "digest": record["digest"], "content": record[section]}
        assert answer.headers["etag"] == f'"{record["digest"]}"'


@pytest.mark.parametrize("section", ["nothing", "", "digest", "..", "%00", "Fairness"])
def test_an_unknown_section_is_told_with_those_there_are(section: str, service: Asking) -> None:
    error = service.get(f"{PLACE}?section={section}", 404).json()["error"]
    assert error["code"] == "unknown_section"
    assert "performance, fairness" in error["message"]


def test_a_changed_record_is_not_handed_on(published: Published) -> None:
    file = published.artifact(CHAMPION, EVIDENCE_FILE)
    with running_service(published) as service:
        for content in (_with_another_number(file), _of_another_version(published), b"{", b"[]", b"", b"null"):
            with _holding(file, content):
                assert service.get(PLACE, 500).json()["error"]["code"] == "damaged"
        with _holding(file, None):
            assert service.get(PLACE, 404).json()["error"]["code"] == "no_evidence"
            assert service.get(ROOT).json()["models"]
        service.get(PLACE)


def test_a_record_that_was_read_once_is_not_read_again(published: Published) -> None:
    with running_service(published) as service:
        first = service.get(PLACE).content
        with _holding(published.artifact(CHAMPION, EVIDENCE_FILE), None):
            assert service.get(PLACE).content == first


def _with_another_number(file: Path) -> bytes:
    record = read_json(file)
    record["performance"]["roc_auc"]["value"] = 0.99
    return json.dumps(record).encode()


def _of_another_version(published: Published) -> bytes:
    return published.artifact(FAILS, EVIDENCE_FILE).read_bytes()


@contextmanager
def _holding(file: Path, content: bytes | None) -> Iterator[None]:
    """Let a file hold something else for a while; None: not be there."""
    before = file.read_bytes()
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(before)
