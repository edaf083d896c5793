"""Promotions and roll backs: by gates and comparison alone, one at a time, recorded."""

import itertools
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from apps.ml.deployment.protection.admin_log import AdminLog
from apps.ml.experiments import registry, tags
from apps.ml.prediction_log.database import open_database, writing
from apps.ml.prediction_log.schema import upgrade
from apps.ml.tests.code.evidence_service.registry.published_registry import (
    CHAMPION,
    FAILS,
    FOREIGN,
    MODEL,
    PASSES,
    PATIENCE_SECONDS,
    PATIENT,
    RANKS_WORSE,
    ROOT,
    Asking,
    Published,
    patient,
    running_service,
)
from apps.ml.tests.protected_server import until

PROMOTIONS, ROLL_BACKS = f"{ROOT}/{MODEL}/promotions", f"{ROOT}/{MODEL}/rollbacks"
pytestmark = pytest.mark.usefixtures("published")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('keys') / 'fairmind.db'}", create=True)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def service(published_once: Published, engine: Engine) -> Iterator[Asking]:
    with running_service(published_once, patient(workspace=published_once.folder, engine=engine)) as asking:
        yield asking


def wanted(version: str, reason: str = "agreed in the review") -> dict[str, str]:
    return {"version": version, "reason": reason}


def results(engine: Engine, most: int = 2) -> list[tuple[str, str, str]]:
    return [(one.action, one.target, one.result) for one in reversed(AdminLog(engine).page(most))]


def test_a_version_whose_gate_fails_is_refused_with_the_reasons(
    service: Asking, published: Published, engine: Engine
) -> None:
    error = service.post(PROMOTIONS, wanted(FAILS), 409).json()["error"]
    assert error["code"] == "not_promoted"
    assert "its verdict is FAIL: gates: " in error["message"]
    (finding,) = [one for one in error["findings"] if one["problem"].startswith("gate ")]
    assert finding["problem"].startswith("gate 'ranking': FAIL: ")
    assert finding["expected"] == "at least 0.7"
    assert published.champion() == CHAMPION
    assert tags.REASON not in published.tags_of(FAILS)
    target = f"{MODEL}/{FAILS}"
    assert results(engine) == [
        ("promote", target, "begun: agreed in the review"),
        ("promote", target, "refused: 409 not_promoted"),
    ]


def test_a_version_that_fails_beside_the_champion_is_refused_with_what_was_found(
    service: Asking, published: Published
) -> None:
    error = service.post(PROMOTIONS, wanted(RANKS_WORSE), 409).json()["error"]
    assert f"beside the champion, version {CHAMPION}, it is FAIL" in error["message"]
    assert [one["problem"].split(":")[0] for one in error["findings"]] == ["gate 'beside'"]
    assert published.champion() == CHAMPION
    assert service.get(f"{ROOT}/{MODEL}/versions/{RANKS_WORSE}").json()["status"] == "refused"


def test_a_version_that_passes_becomes_champion_and_the_reason_stays_with_it(
    service: Asking, published: Published, engine: Engine
) -> None:
    answer = service.post(PROMOTIONS, wanted(PASSES)).json()
    champion = {"model": MODEL, "version": PASSES, "promoted": True, "previous": CHAMPION, "verdict": "PASS"}
    assert answer == champion
    assert published.champion() == PASSES
    assert published.tags_of(PASSES)[tags.REASON] == "agreed in the review (address:127.0.0.1)"
    assert results(engine)[-1] == ("promote", f"{MODEL}/{PASSES}", "done")
    records = len(AdminLog(engine).page(1000))
    assert service.post(PROMOTIONS, wanted(PASSES, "once more")).json() == champion
    assert published.tags_of(PASSES)[tags.REASON] == "agreed in the review (address:127.0.0.1)"
    assert len(AdminLog(engine).page(1000)) == records
    assert AdminLog(engine).verify().whole


def test_the_champion_is_promoted_already_whatever_its_verdict_is_now(service: Asking, published: Published) -> None:
    published.store.client.set_model_version_tag(MODEL, CHAMPION, tags.VERDICT, "FAIL")
    try:
        answer = service.post(PROMOTIONS, wanted(CHAMPION)).json()
    finally:
        published.store.client.set_model_version_tag(MODEL, CHAMPION, tags.VERDICT, "PASS")
    assert (answer["promoted"], answer["previous"], answer["verdict"]) == (True, None, "FAIL")


def test_a_roll_back_goes_to_the_champion_before_and_needs_one(
    service: Asking, published: Published, engine: Engine
) -> None:
    assert service.post(ROLL_BACKS, {"reason": "x"}, 409).json()["error"]["code"] == "nothing_before"
    service.post(PROMOTIONS, wanted(PASSES))
    answer = service.post(ROLL_BACKS, {"reason": "too many complaints"}).json()
    assert answer == {"model": MODEL, "from": PASSES, "to": CHAMPION}
    assert published.champion() == CHAMPION
    assert published.tags_of(PASSES)[tags.ROLLED_BACK] == "too many complaints (address:127.0.0.1)"
    assert service.get(f"{ROOT}/{MODEL}/versions/{PASSES}").json()["status"] == "rolled_back"
    assert results(engine)[-1] == ("roll back", MODEL, "done")
    assert service.post(ROLL_BACKS, {"reason": "x"}, 409).json()["error"]["code"] == "nothing_before"
    place = f"{ROOT}/{FOREIGN}/rollbacks"
    assert service.post(place, {"reason": "x"}, 409).json()["error"]["code"] == "nothing_before"


def test_of_many_acts_at_once_each_sees_the_one_before(service: Asking, published: Published) -> None:
    with ThreadPoolExecutor(4) as pool:
        posted = [pool.submit(service.post, PROMOTIONS, wanted((PASSES, CHAMPION)[at % 2])) for at in range(4)]
        answers = [one.result().json() for one in posted]
    history = registry.champions(published.store, MODEL)
    assert published.champion() == history[-1]
    assert all(one != other for one, other in itertools.pairwise(history))
    assert all(answer["previous"] in (None, PASSES, CHAMPION) for answer in answers)
    assert {answer["previous"] for answer in answers if answer["version"] == PASSES} == {CHAMPION}


def test_nothing_is_done_where_the_champion_is_another_than_was_said(service: Asking, published: Published) -> None:
    for said in ({"If-Match": f'"{PASSES}"'}, {"If-None-Match": "*"}, {"If-Match": f'W/"{FAILS}"'}):
        error = service.post(PROMOTIONS, wanted(PASSES), 412, headers=said).json()["error"]
        assert error["code"] == "champion_moved"
        service.post(ROLL_BACKS, {"reason": "x"}, 412, headers=said)
    assert published.champion() == CHAMPION
    service.post(PROMOTIONS, wanted(PASSES), headers={"If-Match": f'"{CHAMPION}"'})
    service.post(PROMOTIONS, wanted(PASSES), headers={"If-Match": f'"{CHAMPION}"'})  # it is so already
    service.post(ROLL_BACKS, {"reason": "x"}, headers={"If-Match": f'"{PASSES}"'})
    service.post(ROLL_BACKS, {"reason": "x"}, 412, headers={"If-Match": f'"{PASSES}"'})
    assert published.champion() == CHAMPION


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"version": PASSES},
        {"version": PASSES, "reason": "  "},
        {"version": int(PASSES), "reason": "agreed"},
        {"version": "champion", "reason": "agreed"},
        {"version": f"{PASSES}\n", "reason": "agreed"},
        {"version": PASSES, "reason": "secret\u0000word"},
        {"version": PASSES, "reason": "secretword" * 201},
        {"version": PASSES, "reason": "agreed", "override": True},
        [wanted(PASSES)],
        "secretword",
    ],
)
def test_a_body_of_another_shape_is_refused_without_its_values(body: Any, service: Asking) -> None:
    answer = service.post(PROMOTIONS, body, 422)
    assert answer.json()["error"]["code"] == "misfit"
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"version": "2", "version": "1", "reason": "x"}', "application/json", 400),
        (b"null", "application/json", 422),
        (b'{"reason": NaN}', "application/json", 400),
        (b"version=2&reason=x", "application/x-www-form-urlencoded", 415),
        (b"[" * 70_000, "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(content: bytes, kind: str, status: int, service: Asking) -> None:
    answer = service.ask("POST", PROMOTIONS, status, content=content, headers={"Content-Type": kind})
    assert "instances" not in answer.text


def test_unknown_models_and_versions_are_told(service: Asking) -> None:
    assert service.post(PROMOTIONS, wanted("9"), 404).json()["error"]["code"] == "unknown_version"
    for path in ("promotions", "rollbacks"):
        body = wanted("1") if path == "promotions" else {"reason": "x"}
        assert service.post(f"{ROOT}/nobody/{path}", body, 404).json()["error"]["code"] == "unknown_model"


def test_a_web_page_may_not_promote_on_a_server_without_keys(service: Asking, published: Published) -> None:
    error = service.post(PROMOTIONS, wanted(PASSES), 403, headers={"Origin": "http://evil.example"}).json()["error"]
    assert error["code"] == "from_a_page"
    assert published.champion() == CHAMPION


def test_without_the_rows_in_the_workspace_nothing_is_promoted(published: Published, tmp_path: Path) -> None:
    with running_service(published, patient(workspace=tmp_path)) as service:
        message = service.post(PROMOTIONS, wanted(PASSES), 409).json()["error"]["message"]
        assert "INCONCLUSIVE, the comparison with the champion cannot be made: " in message
        shutil.copy(published.folder / "params.yaml", tmp_path)
        message = service.post(PROMOTIONS, wanted(PASSES), 409).json()["error"]["message"]
        assert "it is INCONCLUSIVE: not comparable" in message
    assert published.champion() == CHAMPION


def test_nothing_is_promoted_unrecorded(published: Published, tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'log.db'}", create=True)
    upgrade(engine)
    with running_service(published, patient(workspace=published.folder, engine=engine)) as service:
        with writing(engine) as connection:
            connection.execute(text("ALTER TABLE admin_actions RENAME TO gone"))
        answer = service.post(PROMOTIONS, wanted(PASSES), 503)
        assert answer.json()["error"]["code"] == "admin_log_unavailable"
        assert published.champion() == CHAMPION
    engine.dispose()


def test_an_act_whose_caller_was_refused_never_begins(published: Published) -> None:
    impatient = patient(workspace=published.folder, bounds=replace(PATIENT, changing_seconds=0.4))
    with running_service(published, impatient) as service:
        with published.store.locked():
            refused = service.post(PROMOTIONS, wanted(PASSES), 503)
            assert refused.json()["error"]["code"] == "busy"
            assert refused.headers["retry-after"] == "5"
            service.get(f"{ROOT}/{MODEL}/versions")  # reading goes on
            assert service.post(ROLL_BACKS, {"reason": "x"}, 503).json()["error"]["code"] == "busy"
        until(lambda: 'busy{work="changing"} 0.0' in service.client.get("/metrics").text)
        assert published.champion() == CHAMPION
    with running_service(published) as service:
        assert service.post(PROMOTIONS, wanted(FAILS), 409).json()["error"]["code"] == "not_promoted"
        assert published.champion() == CHAMPION


@contextmanager
def transactions_held(engine: Engine) -> Iterator[threading.Event]:
    """Let everybody who begins a transaction wait until the event is set."""
    goes_on = threading.Event()

    def hold(_: object) -> None:
        goes_on.wait(PATIENCE_SECONDS)

    event.listen(engine, "begin", hold, insert=True)
    try:
        yield goes_on
    finally:
        goes_on.set()
        event.remove(engine, "begin", hold)


def test_an_act_that_has_begun_goes_on_though_its_caller_waits_no_longer(published: Published, engine: Engine) -> None:
    impatient = patient(engine=engine, workspace=published.folder, bounds=replace(PATIENT, changing_seconds=3.0))
    with running_service(published, impatient) as service, transactions_held(engine) as goes_on:
        error = service.post(PROMOTIONS, wanted(PASSES), 503).json()["error"]  # the record of its beginning has to wait
        assert error["code"] == "outcome_unknown"
        assert published.champion() == CHAMPION
        goes_on.set()
        until(lambda: published.champion() == PASSES)
        until(lambda: results(engine)[-1] == ("promote", f"{MODEL}/{PASSES}", "done"))
