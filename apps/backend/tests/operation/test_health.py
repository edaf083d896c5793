"""Alive, ready and in numbers: what whoever runs the backend sees."""

import asyncio
import base64
import hashlib
import re
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from apps.backend.background import Background
from apps.backend.observation import metrics
from apps.backend.operation import readiness
from apps.backend.parts import Parts
from apps.backend.storage.database import Database
from apps.backend.storage.schema import VERSION_TABLE, is_current, upgrade
from apps.backend.tests.product import (
    NO_CERTIFICATES,
    PATIENCE_SECONDS,
    Product,
    running_backend,
    small_settings,
    until,
)

TOKEN = "a-token-of-the-operator"


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "REMEMBERED_SECONDS", 0.0)
    monkeypatch.setattr(readiness, "PATIENCE_SECONDS", PATIENCE_SECONDS)


def asked(product: Product, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(
        method, product.address + path, headers=named, timeout=PATIENCE_SECONDS, verify=NO_CERTIFICATES
    )


def number(exposition: str, line: str) -> float:
    found = re.search(rf"^{re.escape(line)} (\S+)$", exposition, re.MULTILINE)
    assert found is not None, f"{line} is not told"
    return float(found[1])


def test_ready_tells_the_upstreams_as_notes(product: Product) -> None:
    answer = product.get("/readyz")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["status"], found["database"]) == ("ready", "current")
    assert {"model_server": "closed", "evidence": "closed"}.items() <= found["upstreams"].items()


def test_other_tables_are_not_ready_and_alive_all_the_same(tmp_path: Path) -> None:
    async def change(parts: Parts) -> None:
        async with parts.database.writing() as connection:
            await connection.execute(text(f"DELETE FROM {VERSION_TABLE}"))  # noqa: S608

    with running_backend(small_settings(tmp_path)) as running:
        running.run(change(running.parts))
        answer = running.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert "migrate" in answer.json()["detail"]
        assert answer.headers["retry-after"]
        assert running.get("/healthz").json() == {"status": "alive"}
        assert number(running.get("/metrics").text, "fairmind_backend_ready") == 0.0


def test_a_database_that_is_away_is_not_ready(tmp_path: Path) -> None:
    with running_backend(small_settings(tmp_path)) as running:
        original, away = running.parts.database, Database("postgresql://127.0.0.1:9/none")
        running.parts.database = away
        answer = running.get("/readyz")
        running.parts.database = original
        running.run(away.close())
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert running.get("/readyz").status_code == 200


def test_requests_are_counted_by_route(product: Product) -> None:
    line = (
        'http_server_request_duration_seconds_count{http_request_method="GET",'
        'http_response_status_code="401",http_route="/api/v1/users/{user_id}"}'
    )
    product.get("/api/v1/users/somebody")
    before = number(product.get("/metrics").text, line)
    product.get("/api/v1/users/somebody-else")
    after = product.get("/metrics")
    assert number(after.text, line) == before + 1
    assert after.headers["content-type"].startswith("text/plain; version=")
    assert "somebody" not in after.text


def test_unknown_paths_and_methods_are_one_label_each(product: Product) -> None:
    for path in ("/secret-1", "/secret-2"):
        asked(product, path, "BREW")
    told = product.get("/metrics").text
    assert 'http_request_method="_OTHER",http_response_status_code="404",http_route="none"' in told
    assert "secret" not in told
    assert "BREW" not in told


def test_breakers_jobs_and_connections_are_told(product: Product) -> None:
    done = 'fairmind_backend_jobs_total{job="forget repeated requests",outcome="done"} '
    until(lambda: done in product.get("/metrics").text)
    told = product.get("/metrics").text
    assert number(told, 'fairmind_backend_breaker_state{state="closed",upstream="model_server"}') == 1
    assert number(told, 'fairmind_backend_breaker_state{state="open",upstream="model_server"}') == 0
    assert number(told, done.strip()) >= 1
    assert number(told, 'fairmind_backend_database_connections{state="in_use"}') >= 0
    assert number(told, "fairmind_backend_ready") == 1
    assert number(told, "fairmind_backend_requests_in_flight") == 1


def test_calls_to_upstreams_are_counted() -> None:
    metrics.upstream("an upstream", "answered", 0.02)
    line = 'fairmind_backend_upstream_duration_seconds_count{outcome="answered",upstream="an upstream"}'
    assert number(metrics.exposition().decode(), line) == 1


def test_a_job_that_fails_is_counted_and_comes_again() -> None:
    runs: list[int] = []

    async def fail() -> None:
        runs.append(1)
        raise LookupError("Ada Lovelace")

    async def run() -> None:
        background = Background()
        background.every(0.01, "failing", fail)
        background.start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(runs) < 3:
                await asyncio.sleep(0.01)
        await background.stop()

    asyncio.run(run())
    told = metrics.exposition().decode()
    assert number(told, 'fairmind_backend_jobs_total{job="failing",outcome="failed"}') >= 2


def test_numbers_are_for_this_machine_without_a_token(product: Product) -> None:
    assert product.get("/metrics").status_code == 200
    handed_on = asked(product, "/metrics", x_forwarded_for="203.0.113.1")
    assert (handed_on.status_code, handed_on.json()["code"]) == (401, "unauthenticated")


def test_numbers_are_for_the_token_where_there_is_one(tmp_path: Path) -> None:
    with running_backend(small_settings(tmp_path, metrics_token=TOKEN)) as running:
        assert running.get("/metrics").status_code == 401
        assert asked(running, "/metrics", authorization="Bearer another-token-entirely").status_code == 401
        told = asked(running, "/metrics", authorization=f"Bearer {TOKEN}")
        assert told.status_code == 200
        admin = running.organisation("any").client("admin")
        assert admin.get("/metrics").status_code == 401, "the numbers are of all organisations"


def test_the_docs_show_every_operation_and_load_nothing(product: Product) -> None:
    page = product.get("/docs")
    document = product.get("/openapi.json").json()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "<script" not in page.text
    assert "http://" not in page.text.replace(product.address, "")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert f"<section id='{operation['operationId']}'><h3><b>{method.upper()}</b> {path}</h3>" in page.text
    style = re.search("<style>(.*)</style>", page.text)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.headers["content-security-policy"]


def test_a_proxy_that_is_named_tells_whose_request_it_is(tmp_path: Path) -> None:
    with running_backend(small_settings(tmp_path, proxies=("127.0.0.1",), unknown_per_minute=1)) as running:
        statuses = [
            asked(running, "/api/v1/me", x_forwarded_for=client).status_code
            for client in ("203.0.113.1", "203.0.113.1", "203.0.113.2")
        ]
    assert statuses == [401, 429, 401]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_may_bring_the_tables_up_to_date_at_once(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    is_sqlite = kind == "sqlite"
    address = f"sqlite:///{tmp_path / 'b.db'}" if is_sqlite else str(request.getfixturevalue("postgres_address"))

    async def both() -> None:
        databases = [Database(address, create=True) for _ in range(2)]
        await asyncio.gather(*(upgrade(database) for database in databases))
        assert await is_current(databases[0])
        for database in databases:
            await database.close()

    asyncio.run(both())
