"""Uploads: told by content, bounded while they arrive, on the disk for nobody else, gone when anything fails."""

import hashlib
import re
import socket
import tracemalloc
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from apps.backend.identity.secrets import KEY_PREFIX
from apps.backend.tests.bias_tests.conftest import API, TABLE, UPLOAD_BYTES, Bench
from apps.backend.tests.bias_tests.scripted_evidence import ScriptedEvidence, half, refusal
from apps.backend.tests.product import (
    NO_CERTIFICATES,
    NOWHERE,
    PATIENCE_SECONDS,
    running_backend,
    small_settings,
    until,
)

PARQUET = b"PAR1" + bytes(range(256)) + b"PAR1"
FORMULA = "=cmd|' /C calc'!A0"


def test_a_table_comes_back_with_its_columns_and_first_rows(bench: Bench) -> None:
    answer = bench.upload()
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert made["columns"] == ["sex", "approved", "repaid"]
    assert made["column_types"] == {"sex": "string", "approved": "string", "repaid": "string"}
    assert made["rows"] == 30
    assert made["preview"][0] == {"sex": "a", "approved": "1", "repaid": "1"}
    assert len(made["preview"]) == 5
    assert made["name"] == "table.csv"
    assert made["kind"] == "csv"
    assert made["sha256"] == hashlib.sha256(TABLE).hexdigest()
    assert bench.viewer.get(f"{API}/datasets/{made['dataset_id']}").json() == made


def test_the_service_gets_the_file_as_it_is(bench: Bench) -> None:
    content = b"sex,approved\n" + b"\r\n".join(b"a,%d" % number for number in range(40_000))
    assert bench.upload(content, headers={"X-Request-ID": "my-upload"}).status_code == 200
    asked = bench.evidence.asked[0]
    assert asked.body == content
    assert asked.headers["content-length"] == str(len(content))
    assert asked.headers["content-type"] == "text/csv"
    assert asked.headers["x-request-id"] == "my-upload"


def test_the_file_lies_under_its_id_for_this_user_alone(bench: Bench) -> None:
    made = bench.upload(TABLE, data={"name": "Decisions of May"}).json()
    assert made["name"] == "Decisions of May"
    path = bench.product.parts.settings.state / "datasets" / bench.organisation.id / made["dataset_id"]
    assert path.read_bytes() == TABLE
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == path.parent.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\..\\evil.csv", "a\x00b.csv", "/absolute", "", "é" * 300])
def test_a_name_that_a_client_gave_is_shown_and_is_no_path(bench: Bench, name: str) -> None:
    before = bench.files()
    boundary = "b"
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"'.encode()
    body = b"--b\r\n" + head + b"\r\n\r\n" + TABLE + b"\r\n--b--\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    made = bench.analyst.post(f"{API}/upload-dataset", content=body, headers=headers).json()
    assert "/" not in made["name"]
    assert "\\" not in made["name"]
    assert 1 <= len(made["name"]) <= 200
    assert set(bench.files()) - set(before) == {made["dataset_id"]}


def test_parquet_is_told_by_its_content(bench: Bench) -> None:
    bench.evidence.tables = lambda _: {"rows": 3, "columns": [{"name": "x", "type": "integer"}], "preview": []}
    made = bench.upload(PARQUET).json()
    assert made["kind"] == "parquet"
    assert made["column_types"] == {"x": "integer"}
    assert bench.evidence.asked[0].headers["content-type"] == "application/vnd.apache.parquet"


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + b"sex,approved\n" * 10,
        b"\x1f\x8b\x08\x00" + b"0" * 100,
        b"BZh91AY&SY\xd4",
        b"%PDF-1.7\n1 0 obj",
        b"\x89PNG\r\n\x1a\n",
        b"<html><body></body></html>",
        b'{"sex": "a"}',
        b"PAR1" + b"\x00" * 100,
        "sex,approved\na,1\n".encode("utf-16"),
        "naïve,1\n".encode("latin-1"),
        b"sex,approved\n" * 20_000 + b"PK\x03\x04",
    ],
    ids=["zip", "gzip", "bzip2", "pdf", "png", "html", "json", "half a parquet", "utf-16", "latin-1", "later"],
)
def test_anything_else_is_refused_whatever_it_is_called(bench: Bench, content: bytes) -> None:
    before = bench.files()
    bench.evidence.tables = lambda _: refusal(422, "the file is no text")
    answer = bench.upload(content)
    expected = 422 if content.startswith(b"sex,approved\n") else 415
    assert (answer.status_code, answer.headers["content-type"]) == (expected, "application/problem+json")
    assert bench.files() == before
    assert bench.viewer.get(f"{API}/datasets").json()["items"] == []


def test_formulas_stay_text(bench: Bench) -> None:
    content = f'sex,"{FORMULA}"\n"{FORMULA}",@SUM(1)\n'.encode()
    made = bench.upload(content).json()
    assert made["columns"] == ["sex", FORMULA]
    assert made["preview"] == [{"sex": FORMULA, FORMULA: "@SUM(1)"}]


def test_long_cells_are_cut_in_the_preview(bench: Bench) -> None:
    made = bench.upload(b"sex\n" + b"x" * 5000 + b"\n").json()
    assert len(made["preview"][0]["sex"]) == 200


def test_a_claim_of_two_gigabytes_is_refused_at_once(bench: Bench) -> None:
    # Two gigabytes never come: nobody waited for them.
    assert raw_upload(bench, content_length=2 << 30, body=b"--b\r\n") == 413
    assert bench.evidence.asked == []


def test_a_file_that_grows_too_large_is_refused_while_it_arrives(bench: Bench) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nsex\n'
        for _ in range(64):
            yield b"abcdefg\n" * (1 << 13)
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = bench.analyst.post(f"{API}/upload-dataset", content=pieces(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert bench.files() == []


def test_the_limit_is_that_of_the_file(bench: Bench) -> None:
    exact = b"sex\n" + b"a\n" * ((UPLOAD_BYTES - 4) // 2)
    assert len(exact) == UPLOAD_BYTES
    bench.evidence.tables = lambda _: {"rows": 1, "columns": [{"name": "sex", "type": "string"}], "preview": []}
    assert bench.upload(exact).status_code == 200
    assert bench.upload(exact + b"a").status_code == 413


def test_memory_stays_flat(tmp_path_factory: pytest.TempPathFactory) -> None:
    line = b"0123456789abcde\n" * 4096

    def pieces() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
        for _ in range(256):
            yield line
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    with running_backend(small_settings(tmp_path_factory.mktemp("large"), evidence=NOWHERE)) as product:
        client = product.organisation("large").client("analyst")
        tracemalloc.start()
        try:
            answer = client.post(f"{API}/upload-dataset", content=pieces(), headers=headers)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (answer.status_code, answer.json()["code"]) == (503, "evidence_service_away")
    assert peak < 12 << 20, f"{peak >> 20} MiB for {256 * len(line) >> 20} MiB"


FORMS = {
    "no form": ("text/csv", TABLE, 415, "no_form"),
    "no boundary": ("multipart/form-data", b"", 400, "malformed_form"),
    "long boundary": (f"multipart/form-data; boundary={'b' * 71}", b"", 400, "malformed_form"),
    "other boundary": ("multipart/form-data; boundary=b", b"--c\r\n\r\n", 400, "malformed_form"),
    "cut": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nsex\na\n',
        400,
        "malformed_form",
    ),
    "empty": ("multipart/form-data; boundary=b", b"--b--\r\n", 422, "misfit"),
    "empty file": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n\r\n--b--\r\n',
        422,
        "misfit",
    ),
    "unknown field": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="files"\r\n\r\nsex\n\r\n--b--\r\n',
        422,
        "misfit",
    ),
    "twice": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nsex\na\r\n' * 2 + b"--b--\r\n",
        422,
        "misfit",
    ),
    "no name of a field": ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n\r\nsex\n\r\n--b--\r\n", 422, "misfit"),
}


@pytest.mark.parametrize(("kind", "body", "status", "code"), FORMS.values(), ids=FORMS)
def test_a_form_that_does_not_fit_leaves_nothing(bench: Bench, kind: str, body: bytes, status: int, code: str) -> None:
    answer = bench.analyst.post(f"{API}/upload-dataset", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert bench.files() == []


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "x" * 1000])
def test_a_name_is_1_to_200_characters(bench: Bench, name: str) -> None:
    answer = bench.upload(TABLE, data={"name": name})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "body.name"
    assert bench.files() == []


def test_an_upload_that_is_broken_off_leaves_nothing(bench: Bench) -> None:
    with opened(bench, 10_000) as connection:
        connection.sendall(b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nsex\na\n')
        until(lambda: len(bench.files()) == 1)
    until(lambda: not bench.files())


@pytest.mark.parametrize("away", ["half", "odd", "nan", "failing", "busy", "misconfigured", "gone"])
def test_without_the_service_nothing_is_left(bench: Bench, away: str) -> None:
    service = bench.evidence
    script(service, away)
    answer = bench.upload()
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert bench.files() == []
    assert bench.viewer.get(f"{API}/datasets").json()["items"] == []


def script(service: ScriptedEvidence, away: str) -> None:
    odd = {"rows": "many", "columns": {}}
    answers = {
        "half": lambda _: half(),
        "odd": lambda _: odd,
        "nan": lambda _: {"rows": 1, "columns": [{"name": "x", "type": "complex"}], "preview": []},
        "failing": lambda _: refusal(500, "the service failed"),
        "busy": lambda _: refusal(503, "busy", **{"Retry-After": "7"}),
        "misconfigured": lambda _: refusal(401, "no key"),
        "gone": lambda _: refusal(404, "no such path"),
    }
    service.tables = answers[away]


def test_what_the_service_finds_in_a_file_is_told(bench: Bench) -> None:
    finding = {"code": "c", "problem": "too many fields", "column": "sex", "rows": 3, "expected": "2 fields"}
    bench.evidence.tables = lambda _: refusal(422, "the lines differ. Mend them.", finding)
    answer = bench.upload()
    assert answer.status_code == 422
    assert answer.json()["detail"] == "the lines differ. Mend them."
    assert answer.json()["errors"] == [
        {"location": "file.sex", "problem": "too many fields (3 rows)", "expected": "2 fields"}
    ]
    assert bench.files() == []


UNUSABLE = {
    "no rows": {"rows": 0, "columns": [{"name": "x", "type": "string"}]},
    "no columns": {"rows": 5, "columns": []},
    "one name twice": {"rows": 5, "columns": [{"name": "x", "type": "string"}] * 2},
    "long name": {"rows": 5, "columns": [{"name": "x" * 201, "type": "string"}]},
    "many columns": {"rows": 5, "columns": [{"name": f"x{number}", "type": "string"} for number in range(2001)]},
}


@pytest.mark.parametrize("table", UNUSABLE.values(), ids=UNUSABLE)
def test_a_table_that_cannot_be_tested_is_refused(bench: Bench, table: dict[str, object]) -> None:
    bench.evidence.tables = lambda _: {**table, "preview": []}
    assert bench.upload().status_code == 422
    assert bench.files() == []


def test_only_analysts_upload_and_nobody_reads_a_body_before(bench: Bench) -> None:
    files = {"file": ("table.csv", TABLE)}
    assert bench.viewer.post(f"{API}/upload-dataset", files=files).status_code == 403
    wrong = {"Authorization": f"Bearer {KEY_PREFIX}nobody"}
    with httpx.Client(base_url=bench.product.address, timeout=PATIENCE_SECONDS, verify=NO_CERTIFICATES) as stranger:
        assert stranger.post(f"{API}/upload-dataset", files=files).status_code == 401
        assert stranger.post(f"{API}/upload-dataset", files=files, headers=wrong).status_code == 401
    assert bench.files() == []


def opened(bench: Bench, content_length: int) -> socket.socket:
    place = urlsplit(bench.product.address)
    connection = socket.create_connection((place.hostname, place.port), timeout=PATIENCE_SECONDS)
    connection.sendall(
        f"POST {API}/upload-dataset HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        f"{bench.organisation.secrets['analyst']}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {content_length}\r\n\r\n".encode()
    )
    return connection


def raw_upload(bench: Bench, content_length: int, body: bytes) -> int:
    with opened(bench, content_length) as connection:
        connection.sendall(body)
        with connection.makefile("rb") as answer:
            found = re.match(rb"HTTP/1.1 (\d+)", answer.readline())
    assert found is not None
    return int(found[1])
