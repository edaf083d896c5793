"""A server that asks for no keys on a loopback address answers those alone who call it by its own name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.protection.door_settings import door_settings
from apps.ml.deployment.protection.known_hosts import KnownHosts, hosts_of
from apps.ml.deployment.server.application import Application
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.errors import BadInputError
from apps.ml.tests.kept_entries import KeptEntries
from apps.ml.tests.protected_server import serving, until
from tests.raw_http import asked

OWN = frozenset(("localhost", "127.0.0.1", "[::1]"))
EVIL = {"Host": "page.example:8080"}
NATIVE = ("/", "/healthz", "/readyz", "/v1/models", "/metrics", "/docs", "/openapi.json", "/no/such/path")


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8080", "model-server.internal:80"],
)
def test_a_name_of_the_server_is_known_with_a_port_and_without(host: str) -> None:
    assert KnownHosts({*OWN, "model-server.internal"}).know(host.encode())


@pytest.mark.parametrize(
    "host",
    [
        *("page.example", "page.example:8080", "localhost.page.example", "localhost:80:80", "localhost@page.example"),
        *("::1", "[::1", "[::2]", "127.0.0.2", "0.0.0.0", "", ":8080", " localhost", "localhost.", "\xff"),
    ],
)
def test_every_other_name_is_not(host: str) -> None:
    assert not KnownHosts(OWN).know(host.encode("latin-1"))


def test_without_keys_a_loopback_address_has_the_names_of_the_machine_and_its_own() -> None:
    assert door_settings("localhost", environment={}).hosts == OWN
    assert door_settings("127.0.0.2", environment={}).hosts == OWN | {"127.0.0.2"}
    given = {"FAIRMIND_HOSTS": " Model-Server.internal, 10.1.2.3,::2 ,"}
    assert door_settings("::1", environment=given).hosts == OWN | {"model-server.internal", "10.1.2.3", "[::2]"}


def test_where_keys_are_asked_for_or_the_network_is_let_in_any_name_will_do() -> None:
    assert door_settings("127.0.0.1", environment={"FAIRMIND_KEYS": "required", "FAIRMIND_HOSTS": "a"}).hosts is None
    assert door_settings("0.0.0.0", environment={"FAIRMIND_KEYS": "off"}).hosts is None


def test_an_operator_may_name_the_hosts_of_a_server_of_the_network_too() -> None:
    given = {"FAIRMIND_KEYS": "off", "FAIRMIND_HOSTS": "scores.internal"}
    assert door_settings("0.0.0.0", environment=given).hosts == OWN | {"0.0.0.0", "scores.internal"}
    assert door_settings("", environment=given).hosts == OWN | {"scores.internal"}


@pytest.mark.parametrize("text", ["http://here", "here:8080", "a b", "a/b", "*", "a" * 300, "ä.example", "-,"])
def test_what_is_no_name_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(BadInputError, match="FAIRMIND_HOSTS holds what is no name of a host") as refused:
        hosts_of("127.0.0.1", is_asked_for_keys=False, is_loopback=True, given=text)
    assert text not in str(refused.value)


@pytest.fixture(scope="module")
def log() -> KeptEntries:
    """What was answered."""
    return KeptEntries()


@pytest.fixture(scope="module")
def local(bundle_folder: Path, log: KeptEntries) -> Iterator[httpx.Client]:
    """A client of a server as it runs where nothing is set."""
    door = Door(door_settings("127.0.0.1", environment={}))
    with serving(Application([FolderSource(bundle_folder)], Options(door=door, log=log))) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        yield client
        until(lambda: door.in_flight == 0)


@pytest.mark.parametrize("path", NATIVE)
def test_no_path_answers_a_page_by_another_name(local: httpx.Client, path: str) -> None:
    refused = local.get(path, headers=EVIL)
    assert (refused.status_code, refused.json()["error"]["code"]) == (421, "misdirected")
    assert refused.headers["x-frame-options"] == "DENY"
    assert "x-request-id" in refused.headers
    assert "page.example" not in refused.text


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain"])
@pytest.mark.parametrize("in_pieces", [False, True], ids=["answered at once", "answered by the application"])
def test_no_rows_are_scored_for_it(
    local: httpx.Client, log: KeptEntries, rows: list[dict[str, Any]], path: str, in_pieces: bool
) -> None:
    content = httpx.Request("POST", local.base_url, json={"instances": rows[:1]}).content
    body: Any = iter([content]) if in_pieces else content
    log.entries[:] = []
    refused = local.post(path, content=body, headers={**EVIL, "content-type": "application/json"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (421, "misdirected")
    assert "page.example" not in refused.text
    assert log.answers == []
    assert local.post(path, content=content, headers={"content-type": "application/json"}).status_code == 200
    assert len(log.answers) == 1


def test_peers_are_refused_in_their_own_shape(local: httpx.Client) -> None:
    mlflow, inference = (local.get(path, headers=EVIL) for path in ("/ping", "/v2/health/live"))
    assert [mlflow.status_code, inference.status_code] == [421, 421]
    assert mlflow.json().keys() == {"error_code", "message"}
    assert inference.json().keys() == {"error"}


def test_who_names_no_host_is_no_page_and_is_answered(local: httpx.Client) -> None:
    answered = asked(str(local.base_url), b"GET /healthz HTTP/1.0\r\n\r\n")
    assert answered.startswith(b"HTTP/1.1 200")


def test_refusals_are_counted(local: httpx.Client) -> None:
    local.get("/healthz", headers=EVIL)
    assert 'fairmind_refusals_total{code="misdirected"}' in local.get("/metrics").text
