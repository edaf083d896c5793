"""Deliveries that MLflow itself signs and sends, and those that somebody else does."""

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from apps.ml.deployment.requests.refusals import RefusalError, install_refusals
from apps.ml.deployment.versions.delivery import DeliveryCheck, webhook_secret
from apps.ml.deployment.versions.model_source import RegistrySource
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.deployment.versions.watch import Watcher
from apps.ml.deployment.versions.webhook import PATH, Wakeable, webhook_routes
from apps.ml.errors import BadInputError
from apps.ml.tests.code.deployment.versions.published import NAME, Registry
from apps.ml.tests.protected_server import serving, until

SECONDS_TO_STOP = 120.0
SECRET = "kM2vQ8-a-long-and-odd-one"
ALIAS_CREATED = {
    "entity": "model_version_alias",
    "action": "created",
    "timestamp": "2026-01-05T08:00:00+00:00",
    "data": {"name": NAME, "alias": "champion", "version": "2"},
}


class CountingWatcher:
    """Counts how often it is woken."""

    def __init__(self) -> None:
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1


def served(watcher: Wakeable, secret: str | None = SECRET) -> AbstractContextManager[httpx.Client]:
    """Run a real server with nothing but the webhook."""
    app = FastAPI()
    app.include_router(webhook_routes(watcher, secret))
    install_refusals(app)
    return serving(app)


@pytest.fixture(scope="module")
def woken() -> CountingWatcher:
    return CountingWatcher()


@pytest.fixture(scope="module")
def client(woken: CountingWatcher) -> Iterator[httpx.Client]:
    with served(woken) as shared:
        yield shared


def signed(
    body: bytes, delivery: str, secret: str = SECRET, age_seconds: float = 0.0, timestamp: str | None = None
) -> dict[str, str]:
    """Return the headers that MLflow's own code makes for a body."""
    delivery_module = pytest.importorskip("mlflow.webhooks.delivery")
    constants = pytest.importorskip("mlflow.webhooks.constants")
    at = timestamp or str(int(time.time() - age_seconds))
    return {
        "Content-Type": "application/json",
        constants.WEBHOOK_DELIVERY_ID_HEADER: delivery,
        constants.WEBHOOK_TIMESTAMP_HEADER: at,
        constants.WEBHOOK_SIGNATURE_HEADER: delivery_module._generate_hmac_signature(
            secret, delivery, at, body.decode()
        ),
    }


def body_of(**changes: Any) -> bytes:
    return json.dumps({**ALIAS_CREATED, **changes}).encode()


@pytest.fixture
def may_deliver_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow delivers to public addresses over https unless its operator says otherwise."""
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOWED_SCHEMES", "http")
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
    monkeypatch.setenv("MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES", "0")


@pytest.mark.usefixtures("may_deliver_here")
@pytest.mark.parametrize(
    ("event", "secret", "status", "wakes"),
    [
        ("model_version_alias.created", SECRET, 200, 1),
        ("model_version_alias.deleted", SECRET, 200, 1),
        ("model_version.created", SECRET, 200, 0),
        ("model_version_alias.created", "another-secret-of-mlflow", 401, 0),
    ],
)
def test_a_delivery_that_mlflow_signs_and_sends(
    client: httpx.Client, woken: CountingWatcher, event: str, secret: str, status: int, wakes: int
) -> None:
    delivery = pytest.importorskip("mlflow.webhooks.delivery")
    entities = pytest.importorskip("mlflow.entities.webhook")
    before = woken.wakes
    events = [entities.WebhookEvent.from_str(event)]
    result = delivery.test_webhook(
        entities.Webhook("1", "server", f"{client.base_url}{PATH}", events, 0, 0, secret=secret)
    )
    assert result.response_status == status
    assert woken.wakes - before == wakes


@pytest.mark.usefixtures("may_deliver_here")
def test_an_alias_that_is_moved_in_mlflow_is_served_after_its_delivery(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.entities.webhook import WebhookEvent
    from mlflow.webhooks import delivery

    monkeypatch.setattr(delivery, "_webhook_cache", None)  # MLflow remembers for a minute whom it delivers to
    registry.point("hooked", "first")
    shelf = Shelf([RegistrySource(NAME, alias="hooked")])
    shelf.refresh()
    watcher = Watcher(shelf, 0)
    watcher.start()
    try:
        with served(watcher) as client:
            event = WebhookEvent.from_str("model_version_alias.created")
            made = registry.client.create_webhook("move", f"{client.base_url}{PATH}", [event], secret=SECRET)
            registry.point("hooked", "second")
            store = registry.client._get_registry_client().store
            payload = {"name": NAME, "alias": "hooked", "version": "2"}
            delivery.deliver_webhook(event=event, payload=payload, store=store)
            until(lambda: shelf.slots[0].served().version == "2")
            registry.client.delete_webhook(made.webhook_id)
    finally:
        assert watcher.stop(SECONDS_TO_STOP)


def test_a_changed_body_or_header_is_refused(client: httpx.Client, woken: CountingWatcher) -> None:
    before, body = woken.wakes, body_of()
    headers = signed(body, "changed")
    other = [
        (body.replace(b"champion", b"champiom"), headers),
        (body, {**headers, "X-MLflow-Delivery-Id": "changed too"}),
        (body, {**headers, "X-MLflow-Timestamp": str(int(headers["X-MLflow-Timestamp"]) - 1)}),
        (body, {**headers, "X-MLflow-Signature": ""}),
        (body, {**headers, "X-MLflow-Signature": "v1,ä".encode("latin-1").decode("latin-1")}),
        (body, {name: value for name, value in headers.items() if name != "X-MLflow-Signature"}),
        (body, {"Content-Type": "application/json"}),
        (body, signed(body, "")),
    ]
    for content, given in other:
        raw = {name: value.encode("latin-1") for name, value in given.items()}
        answer = client.post(PATH, content=content, headers=raw)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "bad_signature")
    assert woken.wakes == before


def test_a_delivery_is_taken_once(client: httpx.Client, woken: CountingWatcher) -> None:
    before, body = woken.wakes, body_of()
    headers = signed(body, "once")
    answers = [client.post(PATH, content=body, headers=headers).json() for _ in range(3)]
    assert answers == [{"status": "refreshing"}, {"status": "repeated"}, {"status": "repeated"}]
    assert woken.wakes == before + 1


@pytest.mark.parametrize("age_seconds", [330.0, -3600.0])
def test_a_late_or_early_delivery_is_refused(client: httpx.Client, age_seconds: float) -> None:
    body = body_of()
    answer = client.post(PATH, content=body, headers=signed(body, f"late {age_seconds}", age_seconds=age_seconds))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "stale_delivery")


@pytest.mark.parametrize(("age_seconds", "is_fresh"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_delivery_is_fresh_for_five_minutes_before_and_after(age_seconds: int, is_fresh: bool) -> None:
    now = 1_800_000_000
    headers = signed(b"{}", "fresh", timestamp=str(now - age_seconds))
    check = DeliveryCheck(SECRET, clock=lambda: float(now))
    given = {name.lower(): value for name, value in headers.items()}
    if is_fresh:
        assert check.admit(given, b"{}")
        return
    with pytest.raises(RefusalError, match="more than 5 minutes") as caught:
        check.admit(given, b"{}")
    assert caught.value.code == "stale_delivery"


@pytest.mark.parametrize("timestamp", ["now", "-5", "9" * 5000, "1e9"])
def test_a_time_that_is_none_is_refused(timestamp: str) -> None:
    body = body_of()
    headers = {name.lower(): value for name, value in signed(body, "when", timestamp=timestamp).items()}
    with pytest.raises(RefusalError, match="more than 5 minutes"):
        DeliveryCheck(SECRET).admit(headers, body)


@pytest.mark.parametrize("body", [body_of(entity="prompt"), body_of(action=["created"]), b"[]", b"3"])
def test_events_that_mean_nothing_here_are_taken_and_ignored(
    client: httpx.Client, woken: CountingWatcher, body: bytes
) -> None:
    before = woken.wakes
    answer = client.post(PATH, content=body, headers=signed(body, f"ignored {body!r}"))
    assert (answer.status_code, answer.json()) == (200, {"status": "ignored"})
    assert woken.wakes == before


def test_a_body_that_is_too_large_is_not_read_to_its_end(client: httpx.Client) -> None:
    body = b" " * 70_000
    assert client.post(PATH, content=body, headers=signed(body, "large")).status_code == 413


def test_without_a_secret_there_is_no_webhook() -> None:
    with served(CountingWatcher(), None) as client:
        assert client.post(PATH, content=b"{}", headers=signed(b"{}", "none")).status_code == 404


def test_the_memory_of_deliveries_is_bounded_and_forgets_what_could_not_be_fresh() -> None:
    clock = [1e9]
    check = DeliveryCheck(SECRET, clock=lambda: clock[0])

    def admits(delivery: str) -> bool:
        headers = signed(b"{}", delivery, timestamp=str(int(clock[0])))
        return check.admit({name.lower(): value for name, value in headers.items()}, b"{}")

    assert (admits("a"), admits("a")) == (True, False)
    clock[0] += 601
    assert admits("b")
    assert admits("a")


def test_the_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAIRMIND_WEBHOOK_SECRET", raising=False)
    assert webhook_secret() is None
    monkeypatch.setenv("FAIRMIND_WEBHOOK_SECRET", SECRET)
    assert webhook_secret() == SECRET


@pytest.mark.parametrize(
    "secret", ["short", "changethis-changethis", "your-webhook-secret-here", "a" * 40, "secret" * 5]
)
def test_a_placeholder_is_no_secret(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("FAIRMIND_WEBHOOK_SECRET", secret)
    with pytest.raises(BadInputError, match="openssl rand"):
        webhook_secret()
