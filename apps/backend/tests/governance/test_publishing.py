"""Publishing evidence: queued, sent once whoever fails, refused for good with its code, and nobody else's."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from starlette.responses import JSONResponse

from apps.backend import moments
from apps.backend.governance.routes import JOB
from apps.backend.governance.settling import settle
from apps.backend.governance.tables import publication_items, publications
from apps.backend.identity.tables import model_grants
from apps.backend.parts import Parts
from apps.backend.storage.database import Database
from apps.backend.tests.governance.conftest import BOTH, DAY, GOVERNANCE, Office
from apps.backend.tests.governance.scripted_store import Fault
from apps.backend.tests.models import scripted_registry
from apps.backend.tests.models.conftest import never_open, rows
from apps.backend.tests.models.scripted_registry import half, record
from apps.backend.tests.product import NOWHERE, PATIENCE_SECONDS, running_backend, small_settings, until

PARTS = ["data", "documents", "explanations", "fairness.gender", "fairness.origin", "gates", "performance"]
DIGEST = record()["digest"]


@BOTH
def test_evidence_is_queued_and_sent(office: Office) -> None:
    publication = office.asked(control_id="risk-1")
    assert (office.read(publication)["state"], office.read(publication)["items"]) == ("queued", [])
    office.work()
    done = office.read(publication)
    assert (done["state"], done["evidence"], done["problem"]) == ("sent", DIGEST, None)
    assert office.store.parts() == [item["part"] for item in done["items"]] == PARTS
    assert all(sent.name == sent.body["content"]["name"] for sent in office.store.sent)
    assert all(item["control_id"] == "risk-1" for item in office.store.systems["credit"])
    stored = {item["content"]["name"]: item["id"] for item in office.store.systems["credit"]}
    assert {item["name"]: item["store_id"] for item in done["items"]} == stored


def test_documents_are_told_by_their_digest(office: Office) -> None:
    office.asked()
    office.work()
    told = office.store.item("documents")["content"]["numbers"]["card"]
    assert told["sha256"] == hashlib.sha256(scripted_registry.CARD).hexdigest()
    assert told["bytes"] == len(scripted_registry.CARD)


@BOTH
def test_what_is_there_is_not_sent_again(office: Office) -> None:
    office.asked()
    office.work()
    again = office.asked()
    office.work()
    assert office.read(again)["state"] == "sent"
    assert len(office.read(again)["items"]) == len(office.store.sent) == len(PARTS)


def test_another_version_system_or_control_is_something_else(office: Office) -> None:
    for wish in ({}, {"version": "2"}, {"system_id": "cards"}, {"control_id": "risk-1"}):
        office.asked(**wish)
    office.work()
    assert (len(office.store.systems["credit"]), len(office.store.systems["cards"])) == (3 * len(PARTS), len(PARTS))
    assert len({sent.name for sent in office.store.sent}) == 4 * len(PARTS)


@pytest.mark.parametrize("answer", [JSONResponse({}, 500), JSONResponse({}, 429), JSONResponse({}, 503), half()])
def test_a_store_that_is_away_gets_it_later(office: Office, answer: Any) -> None:
    office.store.faults = [Fault(answer)]
    publication = office.asked()
    office.work(now=moments.now() + 1)
    waiting = office.read(publication)
    assert waiting["state"] == "queued"
    assert len(office.store.sent) == 1  # nobody knocks at a door that is shut
    assert {item["problem"] for item in waiting["items"]} - {None} <= {"http_500", "http_429", "http_503", "no_answer"}
    office.work()
    assert office.read(publication)["state"] == "sent"
    assert office.store.parts() == PARTS


def test_a_named_pause_is_kept(office: Office) -> None:
    office.store.faults = [Fault(JSONResponse({}, 429, {"Retry-After": "1000"}))]
    office.asked()
    before = moments.now()
    office.work(now=before + 1)
    (late,) = [
        row for row in rows(office.product, publication_items.select()) if row.problem == "http_429" and row.tries == 1
    ]
    assert late.next_try_at > before + 1000 * moments.MICROSECONDS


@BOTH
@pytest.mark.parametrize("answer", [half(), JSONResponse({}, 500)])
def test_an_item_whose_answer_was_lost_is_not_sent_twice(office: Office, answer: Any) -> None:
    office.store.faults = [Fault(answer, does=True)]
    publication = office.asked()
    office.work(now=moments.now() + 1)
    office.work()
    assert office.read(publication)["state"] == "sent"
    assert office.store.parts() == PARTS
    assert office.store.listings == 1
    assert all(item["store_id"] for item in office.read(publication)["items"])


def test_a_store_that_lists_nothing_gets_it_again_under_its_name(office: Office) -> None:
    office.store.lists = False
    office.store.faults = [Fault(half())]
    office.asked()
    office.work(now=moments.now() + 1)
    office.work()
    names = [sent.name for sent in office.store.sent]
    assert names[0] in names[1:]
    assert office.store.parts() == PARTS


@pytest.mark.parametrize("status", [307, 400, 401, 403, 404, 413, 422])
def test_what_is_refused_is_given_up_with_its_code(office: Office, status: int) -> None:
    office.store.faults = [Fault(JSONResponse({"detail": "no"}, status), part="data")]
    publication = office.asked()
    office.work()
    done = office.read(publication)
    assert (done["state"], done["problem"]) == ("refused", f"http_{status}")
    states = office.states(publication)
    assert states.pop("data") == "refused"
    assert set(states.values()) == {"sent"}
    office.work()
    assert len(office.store.sent) == len(PARTS)


def test_what_was_refused_is_tried_again_when_it_is_asked_for_again(office: Office) -> None:
    office.store.faults = [Fault(JSONResponse({}, 403), part="data")]
    first = office.asked()
    office.work()
    second = office.asked()
    office.work()
    assert (office.read(first)["state"], office.read(second)["state"]) == ("refused", "sent")
    assert office.store.parts() == PARTS


def test_an_unknown_system_is_refused(office: Office) -> None:
    publication = office.asked(system_id="moon")
    office.work()
    assert (office.read(publication)["state"], office.read(publication)["problem"]) == ("refused", "http_404")


def test_a_wrong_token_is_told(office: Office) -> None:
    wrong = replace(office.product.parts.settings, governance_token="another-token-123")
    publication = office.asked()
    with running_backend(wrong, never_open) as other:
        office.work(product=other)
    assert office.read(publication)["problem"] == "http_401"
    assert "another-token-123" not in str(office.read(publication))


@pytest.mark.parametrize("version", ["9", "3"])
def test_a_version_without_evidence_is_refused(office: Office, version: str) -> None:
    publication = office.asked(version)
    office.work()
    assert (office.read(publication)["state"], office.read(publication)["problem"]) == ("refused", "not_found")
    assert office.store.sent == []


def test_evidence_that_cannot_be_read_now_is_read_later(office: Office) -> None:
    broken = JSONResponse({**record(), "task": "forged"})
    office.registry.faults = [scripted_registry.Fault("GET", "/evidence", broken)]
    publication = office.asked()
    office.work(now=moments.now() + 1)
    waiting = office.read(publication)
    assert (waiting["state"], waiting["problem"]) == ("queued", "evidence_service_broken")
    office.work()
    assert office.read(publication)["state"] == "sent"


def test_half_a_document_is_not_told_of(office: Office) -> None:
    office.registry.faults = [scripted_registry.Fault("GET", "/card", half(b"# M"))]
    office.registry.versions["loans"][0].documents["card"] = ("text/markdown", b"x" * 1000)
    publication = office.asked()
    office.work(now=moments.now() + 1)
    assert office.read(publication)["problem"] == "evidence_service_away"
    assert office.store.sent == []


def test_a_model_that_is_no_longer_granted_is_not_told_of(office: Office) -> None:
    publication = office.asked()

    async def take_back() -> None:
        async with office.product.parts.database.writing() as connection:
            own = model_grants.c.organisation_id == office.organisation.id
            await connection.execute(model_grants.delete().where(own))

    office.product.run(take_back())
    office.work()
    assert office.read(publication)["state"] == "refused"
    assert office.store.sent == []


@BOTH
def test_another_process_goes_on_where_one_ended(office: Office) -> None:
    office.store.faults = [Fault(half(), does=True)]
    publication = office.asked()
    office.work(now=moments.now() + 1)

    async def in_the_middle() -> None:  # the process ended before it wrote down what came of it
        values = {"next_try_at": moments.now() + DAY // 2, "may_be_there": True}
        query = publication_items.update().where(publication_items.c.problem == "no_answer")
        async with office.product.parts.database.writing() as connection:
            await connection.execute(query.values(values))

    office.product.run(in_the_middle())
    with running_backend(office.product.parts.settings, never_open) as second:
        office.work(now=moments.now() + 60 * moments.MICROSECONDS, product=second)
        assert office.read(publication)["state"] == "queued"  # it may still be at work
        office.work(product=second)
    assert office.read(publication)["state"] == "sent"
    assert office.store.parts() == PARTS


@BOTH
def test_two_processes_send_it_once(office: Office) -> None:
    office.store.seconds = 0.02
    publication = office.asked()
    with running_backend(office.product.parts.settings, never_open) as second, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda product: office.work(product=product), [office.product, second] * 2))
        office.work()
    assert office.read(publication)["state"] == "sent"
    assert (len(office.store.sent), office.store.parts()) == (len(PARTS), PARTS)


@pytest.mark.parametrize("product", ["postgresql"], indirect=True, scope="module")
def test_the_last_two_items_end_at_the_same_time(office: Office) -> None:
    office.store.faults = [Fault(JSONResponse({}, 500), part="data")]
    publication = office.asked()
    office.work(now=moments.now() + 1)
    first, second = (publication_items.c.part == part for part in ("data", "documents"))
    sent = publication_items.update().values(state="sent")

    async def at_once() -> None:
        async with office.product.parts.database.writing() as connection:
            await connection.execute(publication_items.update().where(first | second).values(state="queued"))
        database = office.product.parts.database
        async with database.writing() as one:
            await one.execute(sent.where(first))
            async with database.writing() as other:
                await other.execute(sent.where(second))
                await settle(one, office.organisation.id)
                late = asyncio.create_task(settle(other, office.organisation.id))
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while not await somebody_waits(database):
                        assert not late.done()
                await one.commit()
                await late

    office.product.run(at_once())
    assert office.read(publication)["state"] == "sent"


async def somebody_waits(database: Database) -> bool:
    """Tell whether a transaction in this PostgreSQL waits for another one."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with database.reading() as connection:
        return bool((await connection.execute(text(query))).scalar())


def test_the_job_runs_as_soon_as_something_is_asked_for(office: Office) -> None:
    rounds = []

    def seldom(parts: Parts) -> None:
        """Let the job run at the start and, by itself, a day later."""
        (job,) = (job for job in parts.background.jobs if job.name == JOB)

        async def work() -> None:
            await job.work()
            rounds.append(job.name)

        parts.background.jobs[:] = [replace(job, seconds=24 * 3600.0, work=work)]

    with running_backend(office.product.parts.settings, seldom) as busy:
        until(lambda: rounds)
        body = {"model": "loans", "version": "1", "system_id": "credit"}
        made = office.admin.post(f"{busy.address}{GOVERNANCE}/publications", json=body).json()["id"]
        until(lambda: office.read(made)["state"] == "sent")


def test_the_same_key_queues_once(office: Office) -> None:
    headers = {"Idempotency-Key": "publish-1"}
    assert office.ask(headers=headers).json() == office.ask(headers=headers).json()
    assert len(office.viewer.get(f"{GOVERNANCE}/publications").json()["items"]) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model": "secret"}, 404),
        ({"version": "latest"}, 422),
        ({"system_id": "../other"}, 422),
        ({"system_id": ""}, 422),
        ({"control_id": "a\nb"}, 422),
        ({"extra": 1}, 422),
    ],
)
def test_what_cannot_be_published(office: Office, body: dict[str, Any], status: int) -> None:
    assert office.ask(**body).status_code == status


def test_only_admins_publish_and_everybody_reads(office: Office) -> None:
    body = {"model": "loans", "version": "1", "system_id": "credit"}
    assert office.approver.post(f"{GOVERNANCE}/publications", json=body).status_code == 403
    assert office.viewer.get(f"{GOVERNANCE}/publications").status_code == 200


@BOTH
def test_another_organisation_sees_nothing_and_shares_nothing(office: Office) -> None:
    publication = office.asked()
    office.work()
    other = Office(office.product, office.registry, office.store, office.product.organisation(f"o{publication}"))
    assert other.viewer.get(f"{GOVERNANCE}/publications").json()["items"] == []
    assert other.viewer.get(f"{GOVERNANCE}/publications/{publication}").status_code == 404
    own = other.asked()
    other.work()
    assert len(office.store.sent) == 2 * len(PARTS)
    assert len(other.read(own)["items"]) == len(PARTS)
    assert not {one["name"] for one in other.read(own)["items"]} & {
        one["name"] for one in office.read(publication)["items"]
    }


def test_lists_come_in_pages_by_model_and_state(office: Office) -> None:
    made = [office.asked() for _ in range(3)]
    office.work()
    made.append(office.asked("9"))
    path = f"{GOVERNANCE}/publications"
    first = office.viewer.get(path, params={"limit": 3}).json()
    assert [one["id"] for one in first["items"]] == made[:0:-1]
    assert [len(one["items"]) for one in first["items"]] == [0, len(PARTS), len(PARTS)]
    rest = office.viewer.get(path, params={"cursor": first["next_cursor"]}).json()["items"]
    assert [one["id"] for one in rest] == made[:1]
    queued = office.viewer.get(path, params={"state": "queued", "model": "loans"}).json()["items"]
    assert [one["id"] for one in queued] == made[3:]


def test_everything_is_in_the_audit_log(office: Office) -> None:
    publication = office.asked()
    office.work()
    queued, sent = [entry for entry in office.logged() if entry.target == f"publication:{publication}"]
    assert (queued.action, sent.action, sent.actor) == ("publication.queued", "publication.sent", "backend")
    assert queued.about["system_id"] == "credit"


def test_without_a_store_nothing_is_queued(office: Office, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = small_settings(tmp_path_factory.mktemp("off"), evidence=NOWHERE)
    with running_backend(settings) as product:
        organisation = product.organisation("without")
        body = {"model": "loans", "version": "1", "system_id": "credit"}
        admin = organisation.client("admin")
        answered = admin.post(f"{GOVERNANCE}/publications", json=body)
        assert (answered.status_code, answered.json()["code"]) == (409, "governance_off")
        assert admin.put(f"{GOVERNANCE}/systems/loans", json={"system_id": "credit"}).json()["code"] == "governance_off"
        assert admin.get(f"{GOVERNANCE}/publications").json()["items"] == []
        assert rows(product, publications.select()) == []
        assert "governance" not in [job.name for job in product.parts.background.jobs]
