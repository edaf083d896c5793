"""Bodies that are made to break what reads them."""

import csv
import gzip
import io
import json
import time
import zipfile
import zlib
from typing import Any

import httpx
import pytest

from apps.backend.tests.bias_tests.scripted_evidence import as_json, group
from apps.backend.tests.contract.conftest import Place
from apps.backend.tests.contract.one_of_everything import API
from apps.backend.tests.decisions.model_server import APPLICATION
from tests.raw_http import connected, whole_answer

UPLOAD = f"{API}/bias-v2/upload-dataset"
JSON = {"content-type": "application/json"}
GIGABYTES = 2 << 30
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "＝1+1", " =1", 'a",=1+1')


def test_two_gigabytes_are_refused_before_any_of_them_is_read(place: Place) -> None:
    before = place.files()
    head = (
        f"POST {UPLOAD} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {place.has.organisation.secrets['analyst']}\r\n"
        f"content-type: multipart/form-data; boundary=b\r\ncontent-length: {GIGABYTES}\r\n\r\n"
    )
    with connected(place.whole.product.address) as connection:
        connection.sendall(head.encode())
        answer = whole_answer(connection)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"application/problem+json" in answer
    assert place.files() == before


def archive() -> bytes:
    """A ZIP file of ten kilobytes that holds ten megabytes."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("table.csv", b"0" * (10 << 20))
    return into.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        archive(),
        gzip.compress(b"0" * (10 << 20)),
        zlib.compress(b"0" * (10 << 20)),
        b"\x28\xb5\x2f\xfd" + b"\0" * 100,
        b"BZh9" + b"\xff" * 100,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
        b"%PDF-1.7\n" + b"a,b\n" * 10,
        b"\x7fELF" + b"\0" * 100,
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
        b"\xff\xfea\x00,\x00b\x00",
        b"PAR1" + b"\0" * 100,
        b"",
    ],
    ids=["zip", "gzip", "zlib", "zstd", "bzip2", "png", "pdf", "elf", "xml", "utf-16", "cut off", "empty"],
)
def test_what_is_no_table_is_refused_unopened(place: Place, content: bytes) -> None:
    before = place.files()
    answer = place.analyst.post(UPLOAD, files={"file": ("table.csv", content, "text/csv")})
    assert answer.status_code in (415, 422), answer.text
    assert place.whole.services.audits.asked == []
    assert place.files() == before


def test_a_compressed_body_is_not_unpacked(place: Place) -> None:
    packed = gzip.compress(json.dumps({"model": "pensions", "application": {"a": "0" * (10 << 20)}}).encode())
    answer = place.analyst.post(f"{API}/decisions", content=packed, headers={**JSON, "content-encoding": "gzip"})
    assert answer.status_code in (400, 415, 422)


LIES: dict[str, Any] = {
    "more rows than there are numbers": {"rows": 1 << 64, "columns": [{"name": "a", "type": "string"}], "preview": []},
    "less than no rows": {"rows": -1, "columns": [{"name": "a", "type": "string"}], "preview": []},
    "a million columns": {
        "rows": 1, "columns": [{"name": f"c{n}", "type": "string"} for n in range(100_000)], "preview": [],
    },
    "a name of a megabyte": {"rows": 1, "columns": [{"name": "a" * (1 << 20), "type": "string"}], "preview": []},
    "half a character": {"rows": 1, "columns": [{"name": "a", "type": "string"}], "preview": [{"a": "\ud800"}]},
    "half a character in a name": {"rows": 1, "columns": [{"name": "\udfff", "type": "string"}], "preview": []},
    "no number": {"rows": 1, "columns": [{"name": "a", "type": "number"}], "preview": [{"a": float("nan")}]},
    "beyond numbers": {"rows": 1, "columns": [{"name": "a", "type": "number"}], "preview": [{"a": float("inf")}]},
    "a list in a cell": {"rows": 1, "columns": [{"name": "a", "type": "number"}], "preview": [{"a": [[1]]}]},
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_file_that_lies_about_its_size_leaves_nothing(either: Place, lie: str) -> None:
    def listed() -> Any:
        return either.analyst.get(f"{API}/bias-v2/datasets").json()

    either.whole.services.audits.tables = lambda _: as_json(LIES[lie])
    before = either.files(), listed()
    content = b"PAR1" + b"\xff" * 1000 + (1 << 31).to_bytes(4, "little") + b"PAR1"
    answer = either.analyst.post(UPLOAD, files={"file": ("lies.parquet", content)})
    assert answer.status_code in (422, 503), answer.text
    assert answer.json()["code"] in ("misfit", "evidence_service_broken")
    assert (either.files(), listed()) == before


@pytest.mark.parametrize(
    "lie",
    [{"evidence": "5f\0"}, {"evidence": "\ud800"}, {"notes": ["\ud800"]}, {"rows": 1 << 64},
     {"record": {"a": "\ud800"}}, {"record": {"a": float("inf")}}, {"fairness": []}],
    ids=repr,
)  # fmt: skip
def test_an_audit_that_cannot_be_kept_is_not_answered(either: Place, lie: dict[str, Any]) -> None:
    audits = either.whole.services.audits
    audits.audits = lambda asked: as_json({**audits.audit_of(asked), **lie})
    answer = detected(either)
    assert (answer.status_code, answer.json()["code"]) == (503, "evidence_service_broken"), answer.text
    assert len(either.analyst.get(f"{API}/bias-v2/history").json()["items"]) == 1


@pytest.mark.parametrize(
    "lie", [{"method": "\ud800"}, {"reasons_method": "x\udfff"}, {"undefined": {"reasons": "\ud800"}}], ids=repr
)
def test_an_explanation_that_cannot_be_kept_is_no_decision(either: Place, lie: dict[str, Any]) -> None:
    either.whole.services.model_server.explanation = lie
    answer = either.analyst.post(f"{API}/decisions", json={"model": "pensions", "application": APPLICATION})
    assert (answer.status_code, answer.json()["code"]) == (503, "model_server_broken"), answer.text
    assert len(either.analyst.get(f"{API}/decisions").json()["items"]) == 2


def detected(place: Place, attribute: str | None = None) -> httpx.Response:
    body = {
        "model_id": "pensions",
        "dataset_id": place.has.names["dataset_id"][0],
        "protected_attribute": attribute or f"sex_{place.has.word}",
        "prediction_column": "approved",
    }
    return place.analyst.post(f"{API}/bias-v2/detect", json=body)


def test_formulas_stay_text(place: Place) -> None:
    """What comes from a file comes back as it was in JSON, and inert where a spreadsheet opens it."""
    rows = io.StringIO()
    csv.writer(rows).writerows([["=1+1", "approved"], *([text, "1"] for text in FORMULAS)])
    uploaded = place.analyst.post(UPLOAD, files={"file": ("=1+1.csv", rows.getvalue())}).json()
    assert uploaded["name"] == "=1+1.csv"
    assert [row["=1+1"] for row in uploaded["preview"]] == list(FORMULAS[:5])
    place.whole.services.audits.groups = {text: group(10, 0.5) for text in FORMULAS}
    answer = detected(place)
    assert answer.status_code == 200
    shown = place.analyst.get(f"{API}/bias-v2/test/{answer.json()['test_id']}/groups.csv")
    assert "attachment" in shown.headers["content-disposition"]
    cells = [cell for row in csv.reader(io.StringIO(shown.text)) for cell in row]
    assert {cell.removeprefix("'") for cell in cells} >= set(FORMULAS)
    assert [cell for cell in cells if not is_number(cell) and cell.lstrip().startswith(tuple("=+-@\t\r＝"))] == []


def is_number(cell: str) -> bool:
    try:
        return float(cell) == float(cell)
    except ValueError:
        return False


BOMBS = {
    "lists": b"[" * 500_000,
    "closed lists": b"[" * 100_000 + b"]" * 100_000,
    "objects": b'{"a":' * 100_000,
    "closed objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "numbers": b"[" + b"1," * 500_000 + b"1]",
    "keys": b"{" + b",".join(b'"k%d":1' % n for n in range(70_000)) + b"}",
    "a long number": b"[" + b"9" * 1_000_000 + b"]",
    "a long fraction": b"[0." + b"9" * 1_000_000 + b"]",
    "escapes": b'["' + b"\\u0041" * 170_000 + b'"]',
    "quotes": b'"\\"' * 250_000,
}


CPU_SECONDS = 3.0
"""Of this process, where client and server are: a bomb that goes off takes far more, one that is refused hundredths."""


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_of_json_is_refused_quickly(place: Place, bomb: str) -> None:
    for path in ("/decisions", "/outcomes", "/bias-v2/detect", "/sessions"):
        began = time.process_time()
        answer = place.analyst.post(
            API + path, content=BOMBS[bomb], headers={**JSON, "idempotency-key": f"{path}{bomb}"}
        )
        assert answer.status_code in (400, 422), answer.text
        assert len(answer.content) < 20_000
        assert time.process_time() - began < CPU_SECONDS


@pytest.mark.parametrize("levels", [5, 63, 64, 65, 250, 260, 500, 900, 980, 1000, 1100])
@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_nests_are_refused_at_any_depth(place: Place, levels: int, pair: str) -> None:
    opening = pair[0] if pair == "[]" else '{"a":'
    nest = opening * levels + "1" + pair[1] * levels
    body = f'{{"model": "pensions", "application": {{"a": {nest}}}}}'.encode()
    for headers in (JSON, {**JSON, "idempotency-key": f"{levels}{pair}"}):
        answer = place.analyst.post(f"{API}/decisions", content=body, headers=headers)
        assert answer.status_code == 422, answer.text
        for encoding in ("utf-16", "utf-32"):
            wide = place.analyst.post(f"{API}/decisions", content=body.decode().encode(encoding), headers=headers)
            assert wide.status_code in (400, 422), wide.text


def test_brackets_in_texts_are_no_nests(place: Place) -> None:
    text = '[{"' * 100 + "\\"
    body = {"model": "pensions", "application": {"a": text, '[[{"' * 50: 1}}
    answer = place.analyst.post(f"{API}/decisions", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["application"] == body["application"]


def test_of_two_keys_alike_the_last_is_meant_by_everybody(place: Place) -> None:
    body = b'{"model": "loans", "application": {"a": 1, "a": 2}, "subject": "first", "subject": "last", '
    body += b'"model": "pensions"}'
    answer = place.analyst.post(f"{API}/decisions", content=body, headers={**JSON, "idempotency-key": "two alike"})
    made = answer.json()
    assert (made["model"], made["application"], made["subject"]) == ("pensions", {"a": 2}, "last")
    sent = place.whole.services.model_server.bodies("/v1/explain")[-1]
    assert (sent["model"], sent["instances"]) == ("pensions", [{"a": 2}])
    plain = {"model": "pensions", "application": {"a": 2}, "subject": "last"}
    again = place.analyst.post(f"{API}/decisions", json=plain, headers={"idempotency-key": "two alike"})
    assert again.json()["id"] == made["id"]


NUMBERS = ("1e999", "-1e999", "NaN", "-Infinity", "1" + "0" * 400, "9" * 5000)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:12])
def test_numbers_that_are_none_are_refused_everywhere(either: Place, number: str) -> None:
    decision = either.has.names["decision"][0]
    bodies = {
        f"/decisions/{decision}/outcomes": '{"label": %s}',
        "/outcomes": f'[{{"decision_id": "{decision}", "label": %s}}]',
        "/decisions": '{"model": "pensions", "application": {"a": %s}}',
        f"/decisions/{decision}/overrules": '{"decision": %s, "reason": "a"}',
        "/bias-v2/detect": '{"model_id": "pensions", "fairness_threshold": %s}',
        f"/service-keys/{either.has.names['key_id'][0]}/rotate": '{"overlap_seconds": %s}',
    }
    for path, body in bodies.items():
        answer = either.has.clients["admin"].post(API + path, content=body % number, headers=JSON)
        assert answer.status_code in (400, 422), (path, answer.text)


@pytest.mark.parametrize("number", [str(2**63), str(2**64), str(-(2**63) - 1), str(10**300), "1e308", "5e-324", "-0.0"])
def test_large_numbers_are_kept_or_refused(either: Place, number: str) -> None:
    body = f'{{"model": "pensions", "application": {{"a": {number}}}}}'
    answer = either.analyst.post(f"{API}/decisions", content=body, headers=JSON)
    assert answer.status_code in (201, 422), answer.text
    if answer.status_code == 201:
        shown = either.analyst.get(f"{API}/decisions/{answer.json()['id']}").json()
        assert shown["application"]["a"] == json.loads(number)
    decision = either.has.names["decision"][0]
    report = f'[{{"decision_id": "{decision}", "label": {number}}}]'
    many = either.analyst.post(f"{API}/outcomes", content=report, headers=JSON)
    assert many.status_code == (201 if float(number) == 0 else 422)
    for query in ("limit", "cursor", "since"):
        for path in ("/audit-log", "/decisions"):
            assert either.has.clients["admin"].get(API + path, params={query: number}).status_code == 422
