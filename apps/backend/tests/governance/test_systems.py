"""Systems of models, and what is published by itself when a version is promoted."""

from dataclasses import replace

from apps.backend.tests.governance.conftest import BOTH, GOVERNANCE, Office
from apps.backend.tests.models.conftest import PROMOTIONS, never_open
from apps.backend.tests.product import running_backend


def promote(office: Office, address: str = "") -> str:
    body = {"kind": "promotion", "model": "loans", "version": "2", "reason": "better"}
    made = office.analyst.post(f"{address}{PROMOTIONS}", json=body).json()["id"]
    done = office.approver.post(f"{address}{PROMOTIONS}/{made}/approval", json={"words": "yes"})
    assert done.json()["state"] == "done"
    return str(made)


@BOTH
def test_a_model_has_one_system(office: Office) -> None:
    assert office.map().json()["system_id"] == "credit"
    assert office.map(system_id="cards", control_id="risk-1").json()["control_id"] == "risk-1"
    (listed,) = office.viewer.get(f"{GOVERNANCE}/systems").json()["systems"]
    assert (listed["model"], listed["system_id"], listed["control_id"]) == ("loans", "cards", "risk-1")
    assert office.admin.delete(f"{GOVERNANCE}/systems/loans").status_code == 204
    assert office.admin.delete(f"{GOVERNANCE}/systems/loans").status_code == 404
    assert office.viewer.get(f"{GOVERNANCE}/systems").json() == {"systems": []}
    assert [entry.action for entry in office.logged()] == [
        "governance.system_set",
        "governance.system_set",
        "governance.system_removed",
    ]


def test_only_admins_say_so_and_only_of_their_models(office: Office) -> None:
    assert office.approver.put(f"{GOVERNANCE}/systems/loans", json={"system_id": "credit"}).status_code == 403
    assert office.approver.delete(f"{GOVERNANCE}/systems/loans").status_code == 403
    assert office.map("secret").status_code == 404
    office.map()
    other = office.product.organisation(f"other of {office.organisation.name}")
    assert other.client("admin").get(f"{GOVERNANCE}/systems").json() == {"systems": []}
    assert other.client("admin").delete(f"{GOVERNANCE}/systems/loans").status_code == 404


@BOTH
def test_a_promotion_publishes_the_new_champion(office: Office) -> None:
    office.map(control_id="risk-1")
    promote(office)
    (queued,) = office.viewer.get(f"{GOVERNANCE}/publications").json()["items"]
    assert (queued["version"], queued["control_id"], queued["requested_by"]) == ("2", "risk-1", "backend")
    office.work()
    assert office.read(queued["id"])["state"] == "sent"
    assert {item["content"]["version"] for item in office.store.systems["credit"]} == {"2"}


def test_a_promotion_that_is_not_done_publishes_nothing(office: Office) -> None:
    office.map()
    body = {"kind": "promotion", "model": "loans", "version": "3", "reason": "worse"}
    made = office.analyst.post(PROMOTIONS, json=body).json()["id"]
    office.approver.post(f"{PROMOTIONS}/{made}/approval", json={"words": "yes"})
    assert office.viewer.get(f"{GOVERNANCE}/publications").json()["items"] == []


def test_a_model_without_a_system_publishes_nothing(office: Office) -> None:
    promote(office)
    assert office.viewer.get(f"{GOVERNANCE}/publications").json()["items"] == []


def test_without_a_store_a_promotion_publishes_nothing(office: Office) -> None:
    office.map()
    with running_backend(replace(office.product.parts.settings, governance=None), never_open) as off:
        promote(office, off.address)
    assert office.viewer.get(f"{GOVERNANCE}/publications").json()["items"] == []
