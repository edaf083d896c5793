"""Administration over real HTTP: scopes, records of every attempt, pages, no act without a record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text
from starlette.responses import Response

from apps.ml.deployment.protection.admin_log import AdminLog
from apps.ml.deployment.protection.admin_routes import admin_routes
from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.protection.middleware import DoorMiddleware
from apps.ml.deployment.protection.refused_attempts import RefusedAttempts
from apps.ml.deployment.protection.token_bucket import TokenBucket
from apps.ml.deployment.requests.refusals import RefusalError, install_refusals, refusal
from apps.ml.prediction_log.database import writing
from apps.ml.tests.protected_server import Clock, MakeDoor, MakeKey, serving

RECORDS_PER_MINUTE = 6


@dataclass(frozen=True)
class Swap:
    """What the small shelf says of a swap."""

    before: str
    after: str


@dataclass
class SmallShelf:
    """A shelf that swaps at each reload, or fails where it is broken."""

    state: str = "ready"
    reason: str | None = None
    broken: bool = False
    asked: list[bool] = field(default_factory=list)

    def refresh(self, again: bool = False) -> Sequence[Swap]:
        """Take note of the call."""
        self.asked.append(again)
        if self.broken:
            raise RuntimeError("the text of an error")
        return [Swap("1", "2")]


class Administered:
    """A server with administration, its door, shelf and log."""

    def __init__(self, engine: Engine, door: Door) -> None:
        self.shelf, self.door, self.log = SmallShelf(), door, AdminLog(engine)
        api = FastAPI()
        install_refusals(api)
        api.include_router(admin_routes(self.shelf, self.log, door))
        refused = RefusedAttempts(self.log, RECORDS_PER_MINUTE)
        self.app = DoorMiddleware(api, door, _answer, on_turned_away=refused)

    def records(self) -> list[tuple[str, str, str]]:
        """Actor, action and result of every record, the oldest first."""
        return [(one.actor, one.action, one.result) for one in reversed(self.log.page(1000))]


def _answer(_: str, error: RefusalError) -> Response:
    return refusal(error.status, error.code, str(error))


@dataclass
class Operator:
    """A client with an admin key, and the server that it administers."""

    client: httpx.Client
    server: Administered


@pytest.fixture
def still_bucket(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """No minute passes for the records of refusals, however long a test takes."""
    bucket = partial(TokenBucket, clock=clock.monotonic)
    monkeypatch.setattr("apps.ml.deployment.protection.refused_attempts.TokenBucket", bucket)


@pytest.fixture
def operator(sqlite: Engine, make_key: MakeKey, make_door: MakeDoor, still_bucket: None) -> Iterator[Operator]:
    headers = {"X-API-Key": make_key("operator", "admin").text}
    server = Administered(sqlite, make_door())
    with serving(server.app) as client:
        client.headers.update(headers)
        yield Operator(client, server)


@pytest.fixture
def keyless(sqlite: Engine) -> Iterator[Operator]:
    """The same on a server that asks for no keys."""
    server = Administered(sqlite, Door(DoorSettings(keys_required=False)))
    with serving(server.app) as client:
        yield Operator(client, server)


def test_reload_asks_the_shelf_once_more_and_is_recorded_before_and_after(operator: Operator) -> None:
    answered = operator.client.post("/v1/admin/reload", headers={"X-Request-ID": "r-1"})
    assert answered.status_code == 200
    assert answered.json() == {"state": "ready", "reason": None, "swaps": [{"before": "1", "after": "2"}]}
    assert operator.server.shelf.asked == [True]
    assert operator.server.records() == [("key:operator", "reload", "begun"), ("key:operator", "reload", "done")]
    newest = operator.server.log.page(1)[0]
    assert (newest.request, newest.target) == ("r-1", "/v1/admin/reload")


def test_an_act_that_fails_is_recorded_as_failed(operator: Operator) -> None:
    operator.server.shelf.broken = True
    answered = operator.client.post("/v1/admin/reload")
    assert answered.status_code == 500
    assert "the text of an error" not in answered.text
    assert [result for *_, result in operator.server.records()] == ["begun", "failed"]


def test_drain_shuts_the_door_and_is_recorded(operator: Operator) -> None:
    answered = operator.client.post("/v1/admin/drain")
    assert (answered.status_code, answered.json()) == (200, {"draining": True, "in_flight": 1})
    assert operator.server.door.draining
    assert operator.client.post("/v1/admin/reload").status_code == 503
    assert operator.server.records()[-1] == ("address:127.0.0.1", "reload", "refused: 503 draining")


def test_whatever_is_turned_away_is_recorded_under_the_name_that_is_known(
    sqlite: Engine, make_key: MakeKey, make_door: MakeDoor
) -> None:
    reader = make_key("reader", "predict").text
    server = Administered(sqlite, make_door(wrong_keys_per_minute=1))
    with serving(server.app) as client:
        statuses = [
            client.post("/v1/admin/drain", headers={"X-API-Key": key} if key else {}).status_code
            for key in (None, reader, "fm_wrong", "fm_wrong")
        ]
        assert client.get("/v1/admin/anything-at-all", headers={"X-API-Key": reader}).status_code == 403
        assert client.get("/v1/models", headers={"X-API-Key": "fm_wrong"}).status_code == 429  # no administration
    assert statuses == [401, 403, 401, 429]
    assert server.records() == [
        ("address:127.0.0.1", "drain", "refused: 401 key_missing"),
        ("key:reader", "drain", "refused: 403 scope_missing"),
        ("address:127.0.0.1", "drain", "refused: 401 key_invalid"),
        ("address:127.0.0.1", "drain", "refused: 429 wrong_keys"),
        ("key:reader", "unknown", "refused: 403 scope_missing"),
    ]
    assert not server.door.draining
    assert all("anything" not in one.target for one in server.log.page(10))


def test_strangers_cannot_fill_the_log(operator: Operator) -> None:
    for _ in range(20):
        assert operator.client.post("/v1/admin/drain", headers={"X-API-Key": ""}).status_code in (401, 429)
    assert len(operator.server.records()) == RECORDS_PER_MINUTE


def test_actions_are_paged_and_reading_them_is_recorded(operator: Operator) -> None:
    for _ in range(3):
        operator.client.post("/v1/admin/reload")
    first = operator.client.get("/v1/admin/actions", params={"limit": 4}).json()
    assert [one["number"] for one in first["actions"]] == [6, 5, 4, 3]
    rest = operator.client.get("/v1/admin/actions", params={"limit": 4, "before": first["next"]}).json()
    assert [one["number"] for one in rest["actions"]] == [2, 1]
    assert rest["next"] is None
    assert operator.server.records()[-2:] == [("key:operator", "actions", "done")] * 2
    assert operator.server.log.verify().whole


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=many", "before=-1", "before=", "before=٣"])
def test_a_query_that_is_no_number_is_refused_and_not_repeated(operator: Operator, query: str) -> None:
    answered = operator.client.get(f"/v1/admin/actions?{query}")
    assert (answered.status_code, answered.json()["error"]["code"]) == (400, "query")
    assert "many" not in answered.text


def test_nothing_is_done_that_cannot_be_recorded(operator: Operator, sqlite: Engine) -> None:
    with writing(sqlite) as connection:
        connection.execute(text("ALTER TABLE admin_actions RENAME TO away"))
    for method, path in (("POST", "/v1/admin/reload"), ("POST", "/v1/admin/drain"), ("GET", "/v1/admin/actions")):
        answered = operator.client.request(method, path)
        assert (answered.status_code, answered.headers["retry-after"]) == (503, "5")
        assert answered.json()["error"]["code"] == "admin_log_unavailable"
    assert operator.server.shelf.asked == []
    assert not operator.server.door.draining
    assert operator.client.post("/v1/admin/drain", headers={"X-API-Key": "fm_wrong"}).status_code == 401


@pytest.mark.parametrize("headers", [{"Origin": "https://a.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_web_page_cannot_administer_a_server_without_keys(keyless: Operator, headers: dict[str, str]) -> None:
    answered = keyless.client.post("/v1/admin/drain", headers=headers)
    assert (answered.status_code, answered.json()["error"]["code"]) == (403, "from_a_page")
    assert keyless.server.records() == [("address:127.0.0.1", "drain", "refused: 403 from_a_page")]
    assert keyless.client.post("/v1/admin/drain").status_code == 200


def test_a_route_reached_without_the_scope_refuses_by_itself(sqlite: Engine) -> None:
    """Should a door once let a path of administration through, as one that is open to everybody."""
    server = Administered(sqlite, Door(DoorSettings(keys_required=False)))
    server.app = DoorMiddleware(server.app.app, server.door, _answer, needed=lambda *_: None)
    with serving(server.app) as client:
        assert client.post("/v1/admin/drain").status_code == 403
    assert not server.door.draining
    assert server.records() == [("address:127.0.0.1", "drain", "refused: 403 scope_missing")]
