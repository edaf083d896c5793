"""The whole application behind its door: predictions take the short way and are guarded all the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from apps.ml.deployment.protection.admin_log import AdminLog
from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.response_headers import SECURITY_HEADERS
from apps.ml.deployment.server.application import Application
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.tests.protected_server import MakeDoor, MakeKey, serving, until

Rows = list[dict[str, Any]]


@dataclass
class Protected:
    """A running server, its door, and the texts of its keys by name."""

    client: httpx.Client
    door: Door
    texts: dict[str, str]

    def ask(self, method: str, path: str, name: str | None, **content: Any) -> httpx.Response:
        """Send one request with the key of that name, None: with none."""
        headers = {} if name is None else {"Authorization": f"Bearer {self.texts[name]}"}
        return self.client.request(method, path, headers={"X-Request-ID": "mine", **headers}, **content)


@pytest.fixture
def protected(bundle_folder: Path, sqlite: Engine, make_key: MakeKey, make_door: MakeDoor) -> Iterator[Protected]:
    keys = (
        make_key("backend", "predict"),
        make_key("slow", "predict", per_minute=1),
        make_key("operator", "admin"),
    )
    door = make_door()
    application = Application([FolderSource(bundle_folder)], Options(door=door, engine=sqlite))
    with serving(application) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        yield Protected(client, door, {key.stored.name: key.text for key in keys})


def test_a_prediction_needs_a_key_with_its_scope_and_within_its_rate(protected: Protected, rows: Rows) -> None:
    body = {"instances": rows[:2]}
    asked = [protected.ask("POST", "/v1/predict", name, json=body) for name in (None, "operator", "slow", "slow")]
    assert [answered.status_code for answered in asked] == [401, 403, 200, 429]
    assert len(asked[2].json()["predictions"]) == 2
    assert int(asked[3].headers["retry-after"]) > 50
    for answered in asked:
        assert answered.headers["x-request-id"] == "mine"
        assert "server" not in answered.headers
        for name, value in SECURITY_HEADERS:
            assert answered.headers.get_list(name.decode()) == [value.decode()]
    assert protected.door.in_flight == 0


def test_every_other_path_needs_a_key_but_those_that_tell_how_the_server_is(protected: Protected) -> None:
    opened = {path: protected.ask("GET", path, None).status_code for path in ("/healthz", "/readyz")}
    assert set(opened.values()) == {200}
    shut = {path: protected.ask("GET", path, None).status_code for path in ("/v1/models", "/docs", "/metrics", "/x")}
    assert set(shut.values()) == {401}
    assert protected.ask("GET", "/v1/models", "backend").status_code == 200


def test_drain_by_its_route_is_told_by_readyz_and_shuts_predictions(protected: Protected, rows: Rows) -> None:
    assert protected.ask("POST", "/v1/admin/drain", "backend").status_code == 403
    assert protected.ask("POST", "/v1/admin/drain", "operator").json()["draining"] is True
    assert protected.ask("GET", "/readyz", None).status_code == 503
    refused = protected.ask("POST", "/v1/predict", "backend", json={"instances": rows[:1]})
    assert (refused.status_code, refused.headers["connection"]) == (503, "close")


def test_refused_and_done_administration_of_the_application_is_recorded(protected: Protected, sqlite: Engine) -> None:
    protected.ask("POST", "/v1/admin/reload", "backend")
    assert protected.ask("POST", "/v1/admin/reload", "operator").status_code == 200
    records = [(one.actor, one.result, one.request) for one in reversed(AdminLog(sqlite).page(10))]
    assert records == [
        ("key:backend", "refused: 403 scope_missing", "mine"),
        ("key:operator", "begun", "mine"),
        ("key:operator", "done", "mine"),
    ]
