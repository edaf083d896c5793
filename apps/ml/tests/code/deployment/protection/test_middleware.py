"""The door in front of a real application over real HTTP: headers, ids, scopes, limits, nothing repeated."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from apps.ml.deployment.protection.bounded_http import BoundedHttpProtocol
from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.protection.key_text import SCOPES
from apps.ml.deployment.protection.middleware import DoorMiddleware
from apps.ml.deployment.protection.paths import route_path, scope_of_path
from apps.ml.deployment.protection.response_headers import SECURITY_HEADERS
from apps.ml.deployment.requests.refusals import RefusalError, install_refusals, refusal
from apps.ml.tests.protected_server import MakeDoor, MakeKey, serving, until
from tests.raw_http import connected

OWN_DOOR = "/v1/predict"
PATIENCE_SECONDS = 60


def answer(_: str, error: RefusalError) -> Response:
    return refusal(error.status, error.code, str(error))


class Guarded:
    """An application behind a door; `inside` is set while a slow request is, which ends once `go_on` is set."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.inside = threading.Event()
        self.go_on = threading.Event()
        api = FastAPI()
        install_refusals(api)

        @api.get("/healthz")
        @api.get("/v1/models")
        @api.get("/v1/admin/actions")
        @api.post("/v1/explain")
        @api.post(OWN_DOOR)
        async def tell(request: Request) -> dict[str, Any]:
            caller = getattr(request.state, "caller", None)
            return {} if caller is None else {"key": caller.key, "request": caller.request}

        @api.get("/fails")
        async def fail() -> None:
            raise RuntimeError("on purpose")

        @api.get("/slow")
        async def slow() -> str:
            self.inside.set()
            await anyio.to_thread.run_sync(self.go_on.wait, PATIENCE_SECONDS)
            return "done"

        @api.get("/own-headers")
        async def own_headers() -> Response:
            return Response(headers={"Cache-Control": "max-age=60", "X-Frame-Options": "SAMEORIGIN"})

        self.app = DoorMiddleware(api, door, answer, own_doors=frozenset((OWN_DOOR,)))


Serve = Callable[[Door], tuple[httpx.Client, Guarded]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a guarded application until the test is over."""
    running: list[Any] = []

    def start(door: Door) -> tuple[httpx.Client, Guarded]:
        guarded = Guarded(door)
        running.append(serving(guarded.app))
        return running[-1].__enter__(), guarded

    yield start
    for one in running:
        one.__exit__(None, None, None)


@pytest.fixture
def open_client(serve: Serve) -> httpx.Client:
    return serve(Door(DoorSettings(keys_required=False)))[0]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/v1/models", 200),
        ("GET", "/nowhere", 404),
        ("DELETE", "/v1/models", 405),
        ("GET", "/fails", 500),
    ],
)
def test_every_answer_carries_the_headers_and_the_id(
    open_client: httpx.Client, method: str, path: str, status: int
) -> None:
    answered = open_client.request(method, path, headers={"X-Request-ID": "mine-1"})
    assert answered.status_code == status
    assert answered.headers["x-request-id"] == "mine-1"
    for name, value in SECURITY_HEADERS:
        assert answered.headers[name.decode()] == value.decode()
    assert "server" not in answered.headers
    assert "strict-transport-security" not in answered.headers


def test_refusals_at_the_door_carry_the_headers_and_what_the_caller_must_do(serve: Serve, make_door: MakeDoor) -> None:
    client, _ = serve(make_door(https=True))
    answered = client.get("/v1/models", headers={"X-Request-ID": "mine-2"})
    assert (answered.status_code, answered.json()["error"]["code"]) == (401, "key_missing")
    assert answered.headers["www-authenticate"] == 'Bearer realm="fairmind"'
    assert answered.headers["x-request-id"] == "mine-2"
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["strict-transport-security"] == "max-age=31536000"


def test_headers_that_a_route_sets_itself_are_kept(open_client: httpx.Client) -> None:
    headers = open_client.get("/own-headers").headers
    assert (headers["cache-control"], headers["x-frame-options"]) == ("max-age=60", "SAMEORIGIN")
    assert headers["referrer-policy"] == "no-referrer"


def test_the_route_knows_who_asks(serve: Serve, make_key: MakeKey, make_door: MakeDoor) -> None:
    text = make_key().text
    client, guarded = serve(make_door())
    told = client.get("/v1/models", headers={"Authorization": f"Bearer {text}", "X-Request-ID": "r"})
    assert told.json() == {"key": "backend", "request": "r"}
    assert client.get("/healthz").json()["key"] is None
    until(lambda: guarded.door.in_flight == 0)


def test_a_path_with_a_door_of_its_own_passes_untouched(serve: Serve, make_door: MakeDoor) -> None:
    client, _ = serve(make_door())
    answered = client.post(OWN_DOOR)
    assert (answered.status_code, answered.json()) == (200, {})
    assert "x-request-id" not in answered.headers


def test_each_path_needs_its_scope(serve: Serve, make_key: MakeKey, make_door: MakeDoor) -> None:
    texts = {scope: make_key(scope, scope).text for scope in SCOPES}
    client, _ = serve(make_door())
    paths = {
        ("GET", "/v1/models"): "predict",
        ("POST", "/v1/explain"): "explain",
        ("GET", "/v1/admin/actions"): "admin",
    }
    for (method, path), needed in paths.items():
        statuses = {
            scope: client.request(method, path, headers={"X-API-Key": text}).status_code
            for scope, text in texts.items()
        }
        assert statuses == {scope: 200 if scope == needed else 403 for scope in texts}, path


def test_presented_keys_are_repeated_nowhere(
    serve: Serve, make_key: MakeKey, make_door: MakeDoor, server_lines: pytest.LogCaptureFixture
) -> None:
    right, wrong = make_key().text, "fm_0123456789_" + "Q" * 43
    client, _ = serve(make_door(wrong_keys_per_minute=1))
    for text, path in ((wrong, "/v1/models"), (wrong, "/v1/models"), (right, "/v1/explain"), (right, "/fails")):
        answered = client.get(path, headers={"X-API-Key": text})
        assert answered.status_code >= 400
        assert text not in answered.text + str(answered.headers.raw)
    assert right not in server_lines.text
    assert wrong not in server_lines.text


def test_a_full_server_answers_503_and_takes_the_next_once_there_is_room(serve: Serve) -> None:
    client, guarded = serve(Door(DoorSettings(keys_required=False, in_flight=1)))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.get, "/slow")
        assert guarded.inside.wait(PATIENCE_SECONDS)
        refused = client.get("/v1/models")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert client.get("/healthz").status_code == 200
        guarded.go_on.set()
        assert slow.result().status_code == 200
    assert client.get("/v1/models").status_code == 200


def test_a_draining_server_finishes_what_is_inside_and_closes_connections(serve: Serve) -> None:
    client, guarded = serve(Door(DoorSettings(keys_required=False)))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.get, "/slow")
        assert guarded.inside.wait(PATIENCE_SECONDS)
        guarded.door.drain()
        refused = client.get("/v1/models")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
        assert (refused.headers["connection"], refused.headers["retry-after"]) == ("close", "5")
        assert client.get("/healthz").status_code == 200
        guarded.go_on.set()
        assert slow.result().json() == "done"
    until(lambda: guarded.door.in_flight == 0)


def test_a_burst_over_http_passes_no_more_than_the_bucket_holds(
    serve: Serve, make_key: MakeKey, make_door: MakeDoor
) -> None:
    headers = {"Authorization": f"Bearer {make_key(per_minute=30).text}"}
    client, guarded = serve(make_door())
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.get("/v1/models", headers=headers), range(100)))
    statuses = [answered.status_code for answered in answers]
    assert (statuses.count(200), statuses.count(429)) == (30, 70)
    assert {answered.headers.get("retry-after") for answered in answers} == {None, "2"}
    until(lambda: guarded.door.in_flight == 0)


def test_a_caller_who_hangs_up_gives_the_place_free() -> None:
    lost = threading.Event()

    class Telling(BoundedHttpProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    guarded = Guarded(Door(DoorSettings(keys_required=False, in_flight=1)))
    with serving(guarded.app, Telling) as client:
        with connected(str(client.base_url)) as connection:
            connection.sendall(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
            assert guarded.inside.wait(PATIENCE_SECONDS)
        assert lost.wait(PATIENCE_SECONDS)
        guarded.go_on.set()
        until(lambda: guarded.door.in_flight == 0)
        assert client.get("/v1/models").status_code == 200


def test_websockets_are_not_let_in() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    guarded = Guarded(Door(DoorSettings(keys_required=False)))
    anyio.run(guarded.app, {"type": "websocket", "path": "/v1/models", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_the_scope_follows_from_the_path() -> None:
    scopes = {
        ("/healthz", "GET"): None,
        ("/readyz", "HEAD"): None,
        ("/ping", "GET"): None,
        ("/health", "GET"): None,
        ("/v2/health/ready", "GET"): None,
        ("/v1/webhooks/mlflow", "POST"): None,
        ("/healthz", "POST"): "predict",
        ("/v2/healthy", "GET"): "predict",
        ("/v1/admin", "GET"): "admin",
        ("/v1/admin/reload", "POST"): "admin",
        ("/v1/administration", "GET"): "predict",
        ("/v1/explain", "POST"): "explain",
        ("/v1/outcomes/x", "POST"): "outcomes",
        ("/invocations", "POST"): "predict",
        ("/metrics", "GET"): "predict",
        ("/", "GET"): None,
    }
    assert {asked: scope_of_path(*asked) for asked in scopes} == scopes


def test_a_prefix_of_a_proxy_hides_no_administration() -> None:
    assert route_path({"path": "/ml/v1/admin/drain", "root_path": "/ml"}) == "/v1/admin/drain"
    assert route_path({"path": "/mlx/v1/admin", "root_path": "/ml"}) == "/mlx/v1/admin"
    assert route_path({"path": "/v1/admin", "root_path": ""}) == "/v1/admin"
