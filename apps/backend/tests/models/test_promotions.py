"""Promotions: two people, one effect, everything written down."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from apps.backend import moments
from apps.backend.identifiers import new_id
from apps.backend.identity.secrets import KEY_PREFIX, digest_of, new_secret
from apps.backend.identity.tables import model_grants, service_keys
from apps.backend.tests.models.conftest import BOTH, PROMOTIONS, Office
from apps.backend.tests.models.scripted_registry import Fault, refusal
from apps.backend.tests.people.members import ask


@BOTH
def test_a_second_person_makes_a_version_champion(office: Office) -> None:
    asked = office.ask().json()
    assert (asked["state"], asked["champion"], asked["decided"]) == ("requested", "1", None)
    done = office.approve(asked["id"])
    assert done.status_code == 200
    assert done.json()["state"] == "done"
    assert done.json()["result"]["after"] == office.registry.champion() == "2"
    assert done.json()["words"] == "I looked at it"
    assert (done.json()["requested"]["name"], done.json()["decided"]["name"]) == ("analyst", "approver")
    assert office.read(asked["id"]) == done.json()


def test_the_registry_is_told_who_wanted_it_and_which_champion_they_saw(office: Office) -> None:
    promotion = office.asked(reason="more\u200btrees")
    office.approver.post(
        f"{PROMOTIONS}/{promotion}/approval", json={"words": "yes"}, headers={"X-Request-ID": "mine-3"}
    )
    (change,) = office.registry.changes()
    asked, decided = (office.read(promotion)[who]["actor"] for who in ("requested", "decided"))
    assert change.body["reason"] == f"more trees [promotion {promotion}: {asked}, approved by {decided}]"
    assert (change.headers["if-match"], change.headers["idempotency-key"]) == ('"1"', promotion)
    assert change.headers["x-request-id"] == "mine-3"


@BOTH
def test_a_roll_back_brings_the_champion_before_back(office: Office) -> None:
    office.approve(office.asked("2"))
    done = office.approve(office.asked(None)).json()
    assert (done["state"], done["version"]) == ("done", None)
    assert (done["result"]["before"], done["result"]["after"]) == ("2", "1")
    assert office.registry.champions["loans"] == ["1"]


def test_the_first_champion_of_a_model_is_nobodys_successor(office: Office) -> None:
    office.registry.champions["loans"] = []
    assert office.approve(office.asked("2")).json()["state"] == "done"
    assert office.registry.changes()[0].headers["if-none-match"] == "*"


@BOTH
def test_gates_that_do_not_allow_it_are_told_with_their_reasons(office: Office) -> None:
    done = office.approve(office.asked("3"))
    result = done.json()["result"]
    assert (done.status_code, done.json()["state"], result["code"]) == (200, "not_promoted", "not_promoted")
    assert result["findings"][0]["problem"] == "gate 'ranking': FAIL: too low"
    assert office.registry.champion() == "1"


def test_nothing_to_go_back_to_is_told(office: Office) -> None:
    assert office.approve(office.asked(None)).json()["result"]["code"] == "nothing_before"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"version": "1"}, 409, "already_champion"),
        ({"version": "9"}, 404, "not_found"),
        ({"model": "secret", "version": "1"}, 404, "not_found"),
        ({"model": "nothing", "version": "1"}, 404, "not_found"),
        ({"version": "two"}, 422, "misfit"),
        ({"version": "2", "kind": "rollback"}, 422, "misfit"),
        ({"version": None, "kind": "promotion"}, 422, "misfit"),
        ({"version": "2", "reason": " \u200b "}, 422, "misfit"),
        ({"version": "2", "reason": "x" * 1501}, 422, "misfit"),
        ({"version": "2", "override": True}, 422, "misfit"),
    ],
)
def test_what_cannot_be_wished_for(office: Office, body: dict[str, Any], status: int, code: str) -> None:
    answered = office.ask(**body)
    assert (answered.status_code, answered.json()["code"]) == (status, code)
    assert office.viewer.get(PROMOTIONS).json()["items"] == []


def test_without_a_champion_there_is_no_way_back(office: Office) -> None:
    office.registry.champions["loans"] = []
    assert office.ask(None).json()["code"] == "no_champion"


def test_nobody_decides_about_their_own_wish(office: Office) -> None:
    asked = office.admin.post(
        PROMOTIONS, json={"kind": "promotion", "model": "loans", "version": "2", "reason": "mine"}
    ).json()["id"]
    for act in ("approval", "refusal"):
        answered = office.admin.post(f"{PROMOTIONS}/{asked}/{act}", json={"words": "mine"})
        assert (answered.status_code, answered.json()["code"]) == (409, "second_person_needed")
    assert office.read(asked)["state"] == "requested"
    assert office.registry.changes() == []


def test_a_key_of_the_same_name_is_no_second_person(office: Office) -> None:
    promotion = office.asked()
    secret = new_secret(KEY_PREFIX)

    async def exchange() -> None:
        own = service_keys.c.organisation_id == office.organisation.id
        row = {"id": new_id(), "organisation_id": office.organisation.id, "role": "approver", "created_at": 1}
        async with office.product.parts.database.writing() as connection:
            old = service_keys.update().where(own, service_keys.c.name == "analyst").values(name="analyst, old")
            await connection.execute(old)
            await connection.execute(service_keys.insert(), {**row, "name": "analyst", "digest": digest_of(secret)})

    office.product.run(exchange())
    path = f"{PROMOTIONS}/{promotion}/approval"
    answered = ask(office.product.address, secret, "POST", path, {"words": "another me"})
    assert (answered.status_code, answered.json()["code"]) == (409, "second_person_needed")


def test_roles_are_held_to(office: Office) -> None:
    promotion = office.asked()
    body = {"kind": "promotion", "model": "loans", "version": "2", "reason": "r"}
    assert office.viewer.post(PROMOTIONS, json=body).status_code == 403
    for act in ("approval", "refusal"):
        assert office.analyst.post(f"{PROMOTIONS}/{promotion}/{act}", json={"words": "w"}).status_code == 403
    assert office.viewer.post(f"{PROMOTIONS}/{promotion}/withdrawal").status_code == 403


def test_a_refusal_ends_it(office: Office) -> None:
    promotion = office.asked()
    refused = office.approver.post(f"{PROMOTIONS}/{promotion}/refusal", json={"words": "not now"})
    assert (refused.json()["state"], refused.json()["words"]) == ("refused", "not now")
    assert refused.json()["ended_at"] is not None
    assert office.approve(promotion).json()["code"] == "already_decided"
    assert office.registry.changes() == []


def test_only_who_asked_withdraws(office: Office) -> None:
    promotion = office.asked()
    other = office.approver.post(f"{PROMOTIONS}/{promotion}/withdrawal")
    assert (other.status_code, other.json()["code"]) == (403, "not_yours")
    assert office.analyst.post(f"{PROMOTIONS}/{promotion}/withdrawal").json()["state"] == "withdrawn"
    assert office.analyst.post(f"{PROMOTIONS}/{promotion}/withdrawal").json()["code"] == "already_decided"
    assert office.approve(promotion).json()["code"] == "already_decided"


@BOTH
def test_two_approvals_at_once_have_one_effect(office: Office) -> None:
    promotion = office.asked()
    url = f"{PROMOTIONS}/{promotion}/approval"
    clients = [office.approver, office.admin, office.approver, office.admin]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda client: client.post(url, json={"words": "yes"}), clients))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"already_decided"}
    assert len(office.registry.changes()) == 1
    assert office.read(promotion)["tries"] == 1


@BOTH
def test_approval_against_withdrawal_has_one_end(office: Office) -> None:
    promotion = office.asked()
    with ThreadPoolExecutor(2) as pool:
        approval = pool.submit(office.approve, promotion)
        withdrawal = pool.submit(office.analyst.post, f"{PROMOTIONS}/{promotion}/withdrawal")
    assert sorted([approval.result().status_code, withdrawal.result().status_code]) == [200, 409]
    assert (office.registry.champion() == "2") == (approval.result().status_code == 200)


@BOTH
def test_a_wish_is_stale_once_another_version_is_champion(office: Office) -> None:
    first, second = office.asked("2"), office.asked(None)
    assert office.approve(first).json()["state"] == "done"
    answered = office.approve(second)
    assert (answered.status_code, answered.json()["code"]) == (409, "stale")
    assert office.read(second)["state"] == "stale"
    assert office.read(second)["result"]["after"] == "2"
    assert len(office.registry.changes()) == 1


def test_a_champion_that_moves_at_the_last_moment_makes_it_stale(office: Office) -> None:
    promotion = office.asked("2")
    office.registry.faults = [Fault("POST", "promotions", refusal(412, "champion_moved"))]
    answered = office.approve(promotion)
    assert (answered.status_code, answered.json()["code"]) == (409, "stale")


def test_a_model_that_is_no_longer_granted_is_not_promoted(office: Office) -> None:
    promotion = office.asked()

    async def take_back() -> None:
        async with office.product.parts.database.writing() as connection:
            query = model_grants.delete().where(model_grants.c.organisation_id == office.organisation.id)
            await connection.execute(query)

    office.product.run(take_back())
    assert office.approve(promotion).status_code == 404
    assert office.registry.changes() == []


@BOTH
def test_another_organisation_sees_and_does_nothing(office: Office) -> None:
    promotion = office.asked()
    other = office.product.organisation(f"other of {office.organisation.name}")
    assert other.client("viewer").get(PROMOTIONS).json()["items"] == []
    assert other.client("viewer").get(f"{PROMOTIONS}/{promotion}").status_code == 404
    for act in ("approval", "refusal"):
        answered = other.client("admin").post(f"{PROMOTIONS}/{promotion}/{act}", json={"words": "mine now"})
        assert answered.status_code == 404
    assert other.client("admin").post(f"{PROMOTIONS}/{promotion}/withdrawal").status_code == 404
    assert office.read(promotion)["state"] == "requested"


@BOTH
def test_the_same_key_asks_once(office: Office) -> None:
    headers = {"Idempotency-Key": "wish-1"}
    first, again = office.ask(headers=headers), office.ask(headers=headers)
    assert first.json() == again.json()
    assert len(office.viewer.get(PROMOTIONS).json()["items"]) == 1
    assert office.ask("3", headers=headers).json()["code"] == "idempotency_key_reused"


@BOTH
def test_lists_come_in_pages_and_by_state(office: Office) -> None:
    made = [office.asked() for _ in range(3)]
    office.analyst.post(f"{PROMOTIONS}/{made[0]}/withdrawal")
    first = office.viewer.get(PROMOTIONS, params={"limit": 2}).json()
    assert [one["id"] for one in first["items"]] == [made[2], made[1]]
    rest = office.viewer.get(PROMOTIONS, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert ([one["id"] for one in rest["items"]], rest["next_cursor"]) == ([made[0]], None)
    withdrawn = office.viewer.get(PROMOTIONS, params={"state": "withdrawn", "model": "loans"}).json()
    assert [one["id"] for one in withdrawn["items"]] == [made[0]]
    assert office.viewer.get(PROMOTIONS, params={"state": "lost"}).status_code == 422


@BOTH
def test_everything_is_in_the_audit_log(office: Office) -> None:
    done, refused, withdrawn = office.asked("2"), office.asked("2"), office.asked("2")
    office.analyst.post(f"{PROMOTIONS}/{withdrawn}/withdrawal")
    office.approver.post(f"{PROMOTIONS}/{refused}/refusal", json={"words": "not for Mrs. Example"})
    office.approve(done)
    entries = office.logged()
    assert [entry.action for entry in entries] == [
        "promotion.requested",
        "promotion.requested",
        "promotion.requested",
        "promotion.withdrawn",
        "promotion.refused",
        "promotion.approved",
        "promotion.done",
    ]
    assert entries[-1].target == f"promotion:{done}"
    assert entries[-1].about["after"] == "2"
    assert "Mrs. Example" not in str([entry.about for entry in entries])
    assert all(entry.at <= moments.now() for entry in entries)
