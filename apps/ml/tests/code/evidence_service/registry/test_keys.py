"""Keys and scopes of the service: each scope opens its own paths, and no other."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from apps.ml.deployment.protection.admin_log import AdminLog
from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.protection.key_ring import KeyRing, RingSettings
from apps.ml.deployment.protection.key_store import MICROSECONDS, Wanted, create_key
from apps.ml.deployment.protection.response_headers import SECURITY_HEADERS
from apps.ml.evidence_service.scopes import scope_of_path
from apps.ml.experiments import tags
from apps.ml.prediction_log.database import open_database, writing
from apps.ml.prediction_log.schema import upgrade
from apps.ml.tests.code.evidence_service.registry.published_registry import (
    MODEL,
    PASSES,
    ROOT,
    Asking,
    Published,
    patient,
    running_service,
)

SCOPES = ("evidence", "promote", "audit", "predict", "admin")
READING = (ROOT, f"{ROOT}/{MODEL}/versions/1", f"{ROOT}/{MODEL}/versions/1/evidence", "/metrics", "/openapi.json", "/x")
PROMOTIONS = f"{ROOT}/{MODEL}/promotions"


@dataclass(frozen=True)
class Guarded:
    service: Asking
    keys: dict[str, str]
    log: AdminLog

    def status(self, method: str, path: str, key: str | None) -> int:
        headers = {} if key is None else {"Authorization": f"Bearer {self.keys[key]}"}
        answer = self.service.client.request(method, path, headers=headers, json={} if method == "POST" else None)
        for name, value in SECURITY_HEADERS:
            assert answer.headers[name.decode()] in (value.decode(), "private, no-cache")
        assert "server" not in answer.headers
        return answer.status_code


@pytest.fixture(scope="module")
def guarded(published_once: Published, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('keys') / 'fairmind.db'}", create=True)
    upgrade(engine)
    now = int(time.time() * MICROSECONDS)
    with writing(engine) as connection:
        keys = {scope: create_key(connection, Wanted(f"key-{scope}", (scope,)), now).text for scope in SCOPES}
    door = Door(DoorSettings(), KeyRing(engine, RingSettings(3, 600)))
    with running_service(published_once, patient(door=door, engine=engine, workspace=published_once.folder)) as service:
        yield Guarded(service, keys, AdminLog(engine))
    engine.dispose()


@pytest.mark.parametrize("path", READING)
def test_reading_needs_the_scope_evidence(path: str, guarded: Guarded) -> None:
    found = {key: guarded.status("GET", path, key) for key in (None, *SCOPES)}
    assert found.pop("evidence") in (200, 404)
    assert found.pop(None) == 401
    assert set(found.values()) == {403}


@pytest.mark.parametrize("path", [PROMOTIONS, f"{ROOT}/{MODEL}/rollbacks"])
def test_changing_needs_the_scope_promote_alone(path: str, guarded: Guarded) -> None:
    found = {key: guarded.status("POST", path, key) for key in (None, *SCOPES)}
    assert found.pop("promote") == 422
    assert found.pop(None) == 401
    assert set(found.values()) == {403}


def test_auditing_needs_the_scope_audit(guarded: Guarded) -> None:
    for path in ("/v1/audits", "/v1/tables"):
        assert [guarded.status("POST", path, key) for key in (None, "evidence", "promote")] == [401, 403, 403]
        assert guarded.status("POST", path, "audit") not in (401, 403)


def test_whoever_watches_needs_no_key(guarded: Guarded) -> None:
    assert [guarded.status("GET", path, None) for path in ("/healthz", "/readyz")] == [200, 200]
    assert guarded.status("POST", "/healthz", None) == 401


def test_the_name_of_the_key_stays_with_the_version_and_in_the_admin_log(
    guarded: Guarded, published: Published
) -> None:
    headers = {"X-API-Key": guarded.keys["promote"], "X-Request-ID": "mine"}
    guarded.service.post(PROMOTIONS, {"version": PASSES, "reason": "better for all"}, headers=headers)
    assert published.tags_of(PASSES)[tags.REASON] == "better for all (key:key-promote)"
    done, begun = guarded.log.page(2)
    assert (begun.actor, begun.result, done.result) == ("key:key-promote", "begun: better for all", "done")
    assert {begun.request, done.request} == {"mine"}


@pytest.mark.parametrize(
    ("path", "method", "scope"),
    [
        ("/healthz", "GET", None),
        ("/readyz", "HEAD", None),
        ("/healthz", "DELETE", "evidence"),
        (ROOT, "GET", "evidence"),
        (ROOT, "OPTIONS", "promote"),
        (f"{ROOT}x", "GET", "evidence"),
        ("/v1/registry", "DELETE", "promote"),
        ("/v1/registryx", "POST", "evidence"),
        ("/v1/audits", "GET", "audit"),
        ("/v1/audits/x", "POST", "audit"),
        ("/v1/auditsx", "POST", "evidence"),
        ("/metrics", "GET", "evidence"),
    ],
)
def test_every_path_has_one_scope(path: str, method: str, scope: str | None) -> None:
    assert scope_of_path(path, method) == scope
