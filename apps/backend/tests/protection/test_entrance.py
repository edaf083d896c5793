"""What every request meets: an id, headers, room, an answer to everything."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from apps.backend.protection.security_headers import SECURITY_HEADERS
from apps.backend.tests.product import Product, running_backend, small_settings
from apps.backend.tests.protection.routes_for_tests import Latch, add_to

PAGE = "https://app.example.org"


@pytest.fixture(scope="module")
def latch() -> Latch:
    return Latch()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, latch: Latch) -> Iterator[Product]:
    """A backend with little room that pages of one origin may ask, and whose clients come by HTTPS."""
    settings = small_settings(
        tmp_path_factory.mktemp("entrance"), requests_in_flight=2, unknown_per_minute=5, origins=(PAGE,), https=True
    )
    with running_backend(settings, extend=lambda app: add_to(app, latch)) as running:
        yield running


@pytest.fixture
def client(server: Product) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.address) as made:
        yield made


ANSWERS = [
    ("GET", "/healthz", 200),
    ("GET", "/nowhere", 404),
    ("DELETE", "/healthz", 405),
    ("GET", "/test/query?number=one", 422),
    ("GET", "/test/failure", 500),
    ("GET", "/test/query?number=%00", 400),
    ("GET", "/nowhere%00", 400),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_every_answer_has_an_id_and_the_headers(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, headers={"x-request-id": "mine-1"})
    assert answer.status_code == status
    assert answer.headers["x-request-id"] == "mine-1"
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert "server" not in answer.headers
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["request_id"] == "mine-1"
        assert problem["status"] == status
        assert problem["type"] == f"urn:fairmind:problem:{problem['code']}"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "Ada\tLovelace", "é"])
def test_an_id_that_is_not_harmless_is_replaced(client: httpx.Client, given: str) -> None:
    found = client.get("/healthz", headers=[(b"x-request-id", given.encode("latin-1"))]).headers["x-request-id"]
    assert found != given
    assert len(found) == 32


def test_a_method_that_is_not_taken_is_answered_with_those_that_are(client: httpx.Client) -> None:
    assert client.delete("/healthz").headers["allow"] == "GET"


def test_a_failure_tells_a_number_and_the_log_the_place(
    client: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = client.get("/test/failure")
    logged = capsys.readouterr()
    number = answer.json()["detail"].split("error ")[1].split(")")[0]
    assert len(number) == 32
    assert number in logged.out
    assert "routes_for_tests.py" in logged.out
    assert "LookupError" in logged.out
    assert "Ada" not in answer.text + logged.out + logged.err


def test_half_an_answer_is_not_taken_for_a_whole_one(client: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/test/half")


def test_more_requests_than_may_be_are_told_to_come_again(server: Product, latch: Latch) -> None:
    latch.released.clear()
    with ThreadPoolExecutor(2) as pool, httpx.Client(base_url=server.address, timeout=20) as client:
        slow = [pool.submit(httpx.get, f"{server.address}/test/slow", timeout=20) for _ in range(2)]
        for _ in slow:
            assert latch.entered.acquire(timeout=10)
        busy = client.get("/test/query")
        watched = client.get("/healthz")
        latch.released.set()
        assert [each.result().json() for each in slow] == ["done", "done"]
        assert client.get("/test/query").status_code == 200
    assert (busy.status_code, busy.json()["code"], busy.headers["retry-after"]) == (503, "busy", "1")
    assert watched.status_code == 200


def test_strangers_are_told_to_stop_and_callers_are_not(server: Product) -> None:
    known = server.organisation("known").client("viewer")
    with httpx.Client(base_url=server.address, headers={"authorization": "Bearer fmk_wrong"}) as stranger:
        answers = [stranger.get("/api/v1/me") for _ in range(8)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert answers[-1].json()["code"] == "too_many_requests"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 12
    assert answers[-1].headers["x-request-id"]
    assert known.get("/api/v1/me").status_code == 200


def test_pages_of_the_named_origin_may_ask(client: httpx.Client) -> None:
    question = {"origin": PAGE, "access-control-request-method": "POST",
                "access-control-request-headers": "authorization,content-type,idempotency-key"}  # fmt: skip
    allowed = client.options("/api/v1/decisions", headers=question)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-credentials" not in allowed.headers
    answer = client.get("/nowhere", headers={"origin": PAGE})
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


def test_pages_of_other_origins_may_not(client: httpx.Client) -> None:
    for origin in ("https://evil.example", PAGE + ".evil.example", "null", PAGE.replace("https", "http")):
        refused = client.options("/nowhere", headers={"origin": origin, "access-control-request-method": "GET"})
        assert refused.status_code == 400
        assert refused.json()["code"] == "origin_refused"
        assert "access-control-allow-origin" not in refused.headers
        assert "access-control-allow-origin" not in client.get("/healthz", headers={"origin": origin}).headers


def test_without_the_setting_no_page_may_ask(product: Product) -> None:
    headers = {"origin": PAGE, "access-control-request-method": "GET"}
    assert httpx.options(f"{product.address}/healthz", headers=headers).status_code == 405
    assert "access-control-allow-origin" not in httpx.get(f"{product.address}/healthz", headers=headers).headers


def test_every_request_is_one_line_of_the_log(server: Product, capsys: pytest.CaptureFixture[str]) -> None:
    organisation = server.organisation("logged")
    capsys.readouterr()
    organisation.client("viewer").get("/api/v1/models/secret-model/versions", headers={"x-request-id": "logged-1"})
    deadline = time.monotonic() + 5
    line = ""
    while "logged-1" not in line and time.monotonic() < deadline:
        line += capsys.readouterr().out
        time.sleep(0.01)
    told = next(each for each in line.splitlines() if "logged-1" in each and "request " in each)
    for expected in ("method=GET", "route=/api/v1/models/{model}/versions", f"organisation={organisation.id}"):
        assert expected in told
    assert "secret-model" not in told
    assert "fmk_" not in line


def test_requests_at_the_same_time_keep_their_ids(server: Product) -> None:
    gathered: list[bool] = []

    def ask(number: int) -> None:
        own = f"id-{number}"
        answer = httpx.get(f"{server.address}/nowhere", headers={"x-request-id": own})
        gathered.append(answer.headers["x-request-id"] == own == json.loads(answer.text)["request_id"])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gathered == [True, True]
