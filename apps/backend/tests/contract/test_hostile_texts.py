"""Texts that are made to be taken for something else: for SQL, for templates, for paths, for names of files."""

import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import func, select

from apps.backend.every_table import METADATA
from apps.backend.tests.contract.conftest import Place
from apps.backend.tests.contract.one_of_everything import API, TABLE
from apps.backend.tests.decisions.model_server import APPLICATION
from apps.backend.tests.models.scripted_registry import PREFIX
from apps.backend.tests.people.members import PASSWORD, rows
from tests.raw_http import asked

SQL = (
    "'; DROP TABLE users; --",
    "x' OR '1'='1",
    '"; DELETE FROM decisions; --',
    "%' AND 1=(SELECT COUNT(*) FROM users) --",
    "\\'; COPY users TO '/tmp/x'; --",
    "$$; SELECT pg_sleep(30); $$",
    ":name %(name)s {name} ${jndi:ldap://x} %s ?",
    "<script>alert(1)</script>{{7*7}}",
)
STRANGE = ("\u202etxt.exe", "\ufeffa", "e\u0301", "🧑‍⚖️" * 3, "\u0130I\u0131i", "a\u2028b")


def counts(place: Place) -> dict[str, int]:
    return {
        name: rows(place.whole.product, select(func.count()).select_from(table))[0][0]
        for name, table in METADATA.tables.items()
    }


def bodies(place: Place, text: str) -> dict[str, tuple[str, Any]]:
    """Return what makes something out of texts: what is made → path and body, the text in each of its fields."""
    decision, appeal = place.has.names["decision"][0], place.has.names["appeal"][0]
    application = {**APPLICATION, "purpose": text, text: text}
    return {
        "decision": ("/decisions", {"model": "pensions", "application": application, "subject": text}),
        "appeal": (f"/decisions/{decision}/appeals", {"grounds": text}),
        "answer": (f"/decisions/{decision}/appeals/{appeal}/answer", {"upheld": True, "words": text}),
        "overrule": (f"/decisions/{decision}/overrules", {"decision": 1, "reason": text}),
        "outcome": (f"/decisions/{decision}/outcomes", {"label": 1, "source": text}),
        "user": ("/users", {"email": "a@b.c", "name": text, "role": "viewer", "password": PASSWORD}),
        "key": ("/service-keys", {"name": text, "role": "viewer"}),
        "promotion": ("/promotions", {"kind": "promotion", "model": "pensions", "version": "2", "reason": text}),
        "publication": (
            "/governance/publications",
            {"model": "pensions", "version": "1", "system_id": "credit", "control_id": text},
        ),
    }


def leaves(content: Any) -> Iterator[Any]:
    """Yield every key and value of a document."""
    if isinstance(content, dict):
        yield from content
    if isinstance(content, dict | list):
        for part in content.values() if isinstance(content, dict) else content:
            yield from leaves(part)
    else:
        yield content


@pytest.mark.parametrize("text", [*SQL, *STRANGE])
def test_texts_are_kept_and_shown_as_they_are(either: Place, text: str) -> None:
    before, made, number = counts(either), 0, zlib.crc32(text.encode())
    for what, (path, body) in bodies(either, text).items():
        body = {**body, "email": f"{number}@example.org"} if what == "user" else body
        client = either.has.clients["approver" if what in ("answer", "overrule") else "admin"]
        key = {"Idempotency-Key": f"x' OR '1'='1' -- {number}"}
        answer = client.post(API + path, json=body, headers=key)
        if answer.status_code in (409, 422):
            assert answer.json()["code"] in ("misfit", "appeal_answered"), answer.text
            assert text not in answer.json()["detail"]
            continue
        assert answer.status_code in (201, 202), (what, answer.text)
        made += 1
        assert text in set(leaves(answer.json())), (what, answer.text)
    assert made >= (8 if text in SQL else 6)
    after = counts(either)
    assert [name for name, count in before.items() if after[name] < count] == []


@pytest.mark.parametrize("text", SQL)
def test_a_text_in_a_query_finds_itself_alone(either: Place, text: str) -> None:
    body = {"model": "pensions", "application": APPLICATION, "subject": text}
    decision = either.analyst.post(f"{API}/decisions", json=body).json()["id"]
    found = either.analyst.get(f"{API}/decisions", params={"subject": text}).json()["items"]
    assert [item["subject"] for item in found] == [text] * len(found)
    assert decision in [item["id"] for item in found]
    admin = either.has.clients["admin"]
    paths = {
        "/audit-log": ("actor", "action", "target"),
        "/decisions": ("model", "version", "prediction_id"),
        "/bias-v2/history": ("model_id",),
        "/promotions": ("model",),
        "/governance/publications": ("model",),
    }
    for path, names in paths.items():
        for name in names:
            answer = admin.get(API + path, params={name: text})
            assert (answer.status_code, answer.json().get("items")) in ((200, []), (422, None)), answer.text
            for other in ("cursor", "since", "state", "limit"):
                assert admin.get(API + path, params={other: text}).status_code in (200, 422)


def test_a_name_of_a_file_is_text(place: Place) -> None:
    for text in (*SQL, "../../etc/passwd", "C:\\Windows\\x", "a/b", "CON", "." * 300, "\x7f"):
        before = place.files()
        answer = place.analyst.post(f"{API}/bias-v2/upload-dataset", files={"file": (text, TABLE)})
        assert answer.status_code == 200, answer.text
        assert place.files() - before == {answer.json()["dataset_id"]}
        assert "/" not in answer.json()["name"].replace(text, "")


TRICKS = (
    "..", ".", "../..", "..%2f..%2fetc%2fpasswd", "%2e%2e", "%2e%2e%2f", "%252e%252e", "..;", "..\\..", "..%5c..",
    "%00", "a%00b", "%ff%fe", "%c0%ae%c0%ae", "%ed%a0%80", "%F0%9F%98%80", "%0d%0aset-cookie:x=1", "%20", "%7f", "%3f",
    "%23", "*", "%25", "$(id)", "null", "0", "-1", "1%2F2", "a" * 300, "a" * 9000, "%C2%85", "%E2%80%AE",
)  # fmt: skip


def paths_with(place: Place, trick: str) -> Iterator[tuple[str, str]]:
    """Yield method and path of every operation with the trick in place of each of its names."""
    interface = place.whole.product.get("/openapi.json").json()
    for template, operations in interface["paths"].items():
        names = [part[1:-1] for part in template.split("/") if part.startswith("{")]
        for tricked in names:
            filled = {name: quote(place.has.names[name][0], safe="") for name in names}
            for method in operations:
                yield method.upper(), template.format(**{**filled, tricked: trick})


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick[:20])
def test_a_trick_in_a_path_names_nothing(place: Place, trick: str) -> None:
    before, files = counts(place), place.files()
    secret = place.has.organisation.secrets["admin"]
    for method, path in paths_with(place, trick):
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n"
            "content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
        )
        answer = asked(place.whole.product.address, head.encode())
        status = int(answer.split(b" ", 2)[1])
        assert 400 <= status < 500, (method, path, answer)
        assert b"application/problem+json" in answer, (method, path, answer)
        assert b"\r\nset-cookie" not in answer.lower()
    assert (counts(place), place.files()) == (before, files)
    sent = [each.path for each in place.whole.services.registry.asked]
    assert [path for path in sent if not path.startswith(PREFIX) or ".." in path or "\0" in path] == []
    assert place.whole.services.audits.asked == []


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/models/../../../etc/passwd", "//etc/passwd", "/./healthz", "/api/v1//decisions", "/api/v1/decisions/",
        "/api/v1/decisions/..", "/%2e%2e/%2e%2e/etc/passwd", "/healthz/../metrics", "/HEALTHZ", "/api/v1/me%2f", "*",
        "http://evil.example/metrics/x", "/api/v1/me;a=b", "/docs/../openapi.json", "/static/../settings.py", "/.git/x",
    ],
)  # fmt: skip
def test_other_paths_lead_nowhere(place: Place, target: str) -> None:
    secret = place.has.organisation.secrets["admin"]
    request = f"GET {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\nconnection: close\r\n\r\n"
    answer = asked(place.whole.product.address, request.encode())
    assert int(answer.split(b" ", 2)[1]) in (400, 404, 405), answer
    assert b"root:" not in answer
