"""What every request meets: an id, headers, room, an answer to everything."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from apps.backend.protection import middleware
from apps.backend.protection.rates import Strangers
from apps.backend.protection.security_headers import SECURITY_HEADERS
from apps.backend.tests.product import (
    NO_CERTIFICATES,
    PATIENCE_SECONDS,
    Product,
    StandingClock,
    running_backend,
    small_settings,
)
from apps.backend.tests.protection.routes_for_tests import Latch, add_to
from apps.backend.tests.protection.steering import noted

PAGE = "https://app.example.org"


@pytest.fixture(scope="module")
def latch() -> Latch:
    return Latch()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, latch: Latch) -> Iterator[Product]:
    """A backend with little room that pages of one origin may ask, and whose clients come by HTTPS. No time passes for
    strangers: no bucket fills."""
    settings = small_settings(
        tmp_path_factory.mktemp("entrance"), requests_in_flight=2, unknown_per_minute=5, origins=(PAGE,), https=True
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(middleware, "Strangers", lambda per_minute: Strangers(per_minute, StandingClock(1000.0)))
        with running_backend(settings, extend=lambda app: add_to(app, latch)) as running:
            yield running


@pytest.fixture
def client(server: Product) -> Iterator[httpx.Client]:
    with client_of(server) as made:
        yield made


def client_of(server: Product, **headers: str) -> httpx.Client:
    return httpx.Client(base_url=server.address, headers=headers, timeout=PATIENCE_SECONDS, verify=NO_CERTIFICATES)


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
    with ThreadPoolExecutor(2) as pool, client_of(server) as client:
        slow = [pool.submit(server.get, "/test/slow") for _ in range(2)]
        for _ in slow:
            assert latch.entered.acquire(timeout=PATIENCE_SECONDS)
        busy = client.get("/test/query")
        watched = client.get("/healthz")
        latch.released.set()
        assert [each.result().json() for each in slow] == ["done", "done"]
        assert client.get("/test/query").status_code == 200
    assert (busy.status_code, busy.json()["code"], busy.headers["retry-after"]) == (503, "busy", "1")
    assert watched.status_code == 200


def test_strangers_are_told_to_stop_and_callers_are_not(server: Product) -> None:
    known = server.organisation("known").client("viewer")
    with client_of(server, authorization="Bearer fmk_wrong") as stranger:
        answers = [stranger.get("/api/v1/me") for _ in range(8)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert answers[-1].json()["code"] == "too_many_requests"
    assert answers[-1].headers["retry-after"] == "12"
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
    with client_of(product, **headers) as page:
        assert page.options("/healthz").status_code == 405
        assert "access-control-allow-origin" not in page.get("/healthz").headers


def test_every_request_is_one_line_of_the_log(
    server: Product, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    organisation, wait_for = server.organisation("logged"), noted(monkeypatch)
    capsys.readouterr()
    organisation.client("viewer").get("/api/v1/models/secret-model/versions", headers={"x-request-id": "logged-1"})
    wait_for("logged-1")
    logged = capsys.readouterr().out
    (told,) = (each for each in logged.splitlines() if "logged-1" in each and "request " in each)
    for expected in ("method=GET", "route=/api/v1/models/{model}/versions", f"organisation={organisation.id}"):
        assert expected in told
    assert "secret-model" not in told
    assert "fmk_" not in logged


def test_requests_at_the_same_time_keep_their_ids(server: Product) -> None:
    gathered: list[bool] = []

    def ask(number: int) -> None:
        own = f"id-{number}"
        with client_of(server) as client:
            answer = client.get("/nowhere", headers={"x-request-id": own})
        gathered.append(answer.headers["x-request-id"] == own == json.loads(answer.text)["request_id"])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gathered == [True, True]
