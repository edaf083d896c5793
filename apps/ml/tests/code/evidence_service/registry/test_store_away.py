"""The tracking store goes away and comes back; meanwhile callers are told within moments to come again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from apps.ml.evidence_service.application import EvidenceApplication
from apps.ml.evidence_service.registry.store_watch import StoreState, StoreWatch
from apps.ml.experiments.tracking import open_store
from apps.ml.tests.code.evidence_service.registry.published_registry import (
    MODEL,
    PASSES,
    PATIENCE_SECONDS,
    ROOT,
    Asking,
    Published,
    patient,
    running_service,
)
from apps.ml.tests.local_server import closed_port
from apps.ml.tests.protected_server import serving, until

QUICK_SECONDS = 30.0
"""Generous for a busy machine; by itself the tracking library tries for minutes."""

PATHS = (ROOT, f"{ROOT}/{MODEL}/versions", f"{ROOT}/{MODEL}/versions/1/evidence", f"{ROOT}/{MODEL}/versions/1/lineage")


def test_a_file_that_is_moved_away_is_told_and_used_again_when_it_is_back(published: Published) -> None:
    with running_service(published) as service:
        file = published.folder / "mlflow.db"
        away = file.with_name("elsewhere.db")
        file.rename(away)
        try:
            _require_away(service)
            assert not file.exists()  # nobody made an empty store in its place
            service.post(f"{ROOT}/{MODEL}/promotions", {"version": PASSES, "reason": "x"}, 503)
        finally:
            away.rename(file)
        until(lambda: service.client.get("/readyz").status_code == 200)
        service.get(ROOT)


def test_another_file_under_the_name_is_not_taken_for_the_store(published: Published) -> None:
    with running_service(published) as service:
        file = published.folder / "mlflow.db"
        away = file.with_name("elsewhere.db")
        file.rename(away)
        try:
            file.write_bytes(away.read_bytes())
            _require_away(service)
        finally:
            away.replace(file)


def test_a_server_that_is_not_there_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")
    with _service() as (service, told):
        _require_away(service)
        until(lambda: told)
        assert "does not answer (Connection refused)" in str(told[0].trouble)
        assert not told[0].is_final


def test_an_address_that_can_be_no_store_is_told_as_final(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///nowhere")
    with _service() as (service, told):
        until(lambda: told)
        assert told == [StoreState(told[0].trouble, is_final=True)]
        _require_away(service)


def test_a_store_that_is_away_names_no_host_to_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{closed_port()}")
    with _service() as (service, told):
        until(lambda: told)
        for path in ("/readyz", *PATHS):
            answer = service.client.get(path).text
            assert "127.0.0.1" not in answer
            assert "secret" not in answer
        assert "secret" not in str(told)


def test_a_store_is_opened_where_it_was_published_and_used_from_any_thread(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", published.address)
    watch = StoreWatch(look_seconds=0.1)
    watch.start()
    try:
        until(lambda: watch.state.trouble is None)
        assert watch.using(lambda store: store.address) == open_store().address
    finally:
        watch.close()


@contextmanager
def _service() -> Iterator[tuple[Asking, list[StoreState]]]:
    told: list[StoreState] = []
    with serving(EvidenceApplication(patient(), StoreWatch(told.append, 0.1, 0.1))) as client:
        client.timeout = httpx.Timeout(PATIENCE_SECONDS)
        yield Asking(client), told


def _require_away(service: Asking) -> None:
    for path in PATHS:
        start = time.monotonic()
        answer = service.get(path, 503)
        assert time.monotonic() - start < QUICK_SECONDS
        assert answer.json()["error"]["code"] == "store_unavailable"
        assert answer.headers["retry-after"] == "5"
    until(lambda: service.client.get("/readyz").status_code == 503)
    ready = service.get("/readyz", 503).json()
    assert ready["reasons"] == ["The tracking store does not answer; the log of the service says why."]
    assert service.get("/healthz").json() == {"status": "alive"}
    assert _metric(service.client, "fairmind_tracking_store_up") == 0.0


def _metric(client: httpx.Client, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))
