"""Erasing a person's decisions: nothing is left that tells of the person, and everybody else's rows stay."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from apps.backend.command_line import main
from apps.backend.decisions import erasing
from apps.backend.decisions.asking import subject_at_the_model_server
from apps.backend.decisions.erasing import Erased, erase_decision, erase_subject
from apps.backend.every_table import METADATA
from apps.backend.people.organisations import operator_of
from apps.backend.problems import ProblemError
from apps.backend.settings import DATABASE_VARIABLE
from apps.backend.tests.decisions.conftest import Office
from apps.backend.tests.decisions.model_server import APPLICATION

MARK = "zweig-7713"
PERSON = f"case {MARK}"
GOES_ON = {"audit_entries", "audit_heads", "decision_outcomes"}
"""Tables that grow by what a test does, or whose rows are sent meanwhile."""


def everything(office: Office) -> dict[str, list[str]]:
    """Every row of the organisation in every table, as text, in the order of the texts."""
    tables = [table for table in METADATA.tables.values() if "organisation_id" in table.c]
    own = office.organisation.id
    return {
        table.name: sorted(str(tuple(row)) for row in office.rows(select(table).where(table.c.organisation_id == own)))
        for table in tables
    }


def erased(office: Office, **what: str) -> Erased:
    async def erase() -> Erased:
        by = operator_of(office.organisation.id)
        async with office.product.parts.database.writing() as connection:
            if "subject" in what:
                return await erase_subject(connection, by, what["subject"])
            return await erase_decision(connection, by, what["decision"])

    found: Erased = office.product.run(erase())
    return found


def looked_into(office: Office, subject: str, mark: str = MARK) -> list[dict[str, Any]]:
    """Two decisions about a subject with everything that can stand beside one, all of it telling of the person."""
    first = office.ask(APPLICATION | {"purpose": mark}, {"Idempotency-Key": f"ask {subject}"}, subject=subject).json()
    path = f"/api/v1/decisions/{first['id']}"
    keyed = {"Idempotency-Key": f"appeal {subject}"}
    appeal = office.analyst.post(f"{path}/appeals", json={"grounds": f"I am {mark}"}, headers=keyed).json()
    answer = {"upheld": False, "words": f"No, {mark}"}
    assert office.approver.post(f"{path}/appeals/{appeal['id']}/answer", json=answer).status_code == 201
    overrule = {"decision": 1 - first["decision"], "reason": f"{mark} came in"}
    assert office.approver.post(f"{path}/overrules", json=overrule).status_code == 201
    assert office.analyst.post(f"{path}/outcomes", json={"label": 1, "source": mark}).is_success
    return [first, office.decided(subject=subject)]


def test_nothing_tells_of_the_person_any_more_and_the_others_stay(office: Office) -> None:
    others = looked_into(office, "another", "birke-2204")
    before = everything(office)
    made = looked_into(office, PERSON)
    done = erased(office, subject=PERSON)
    assert (done.decisions, done.beside) == (2, 4)
    assert done.subject == subject_at_the_model_server(office.organisation.id, PERSON)
    assert set(done.predictions) == {decision["prediction_id"] for decision in made}
    after = everything(office)
    assert MARK not in str(after)
    assert len(after["decision_outcomes"]) == 1
    for name in after.keys() - GOES_ON:
        assert after[name] == before[name], name
    assert [decision["id"] for decision in office.listed()] == [decision["id"] for decision in reversed(others)]
    assert office.viewer.get(f"/api/v1/decisions/{made[0]['id']}").status_code == 404
    entry = office.logged("decisions.erased")[-1]
    assert (entry.actor, entry.target, entry.about) == ("operator", None, {"decisions": 2, "beside": 4})
    assert office.admin.get("/api/v1/audit-log/verification").json()["intact"] is True


def test_one_decision_is_erased_alone(office: Office) -> None:
    made = looked_into(office, PERSON)
    done = erased(office, decision=made[1]["id"])
    assert (done.decisions, done.beside, done.subject) == (1, 0, None)
    assert done.predictions == (made[1]["prediction_id"],)
    assert [decision["id"] for decision in office.listed()] == [made[0]["id"]]
    assert office.logged("decisions.erased")[-1].target == f"decision:{made[1]['id']}"
    with pytest.raises(ProblemError, match="decision"):
        erased(office, decision=made[1]["id"])


def test_nobody_erases_what_is_anothers(office: Office) -> None:
    made = office.decided(subject=PERSON)
    stranger = operator_of("0" * 36)

    async def erase() -> int:
        async with office.product.parts.database.reading() as connection:
            return (await erase_subject(connection, stranger, PERSON)).decisions

    assert office.product.run(erase()) == 0
    assert [decision["id"] for decision in office.listed()] == [made["id"]]


def test_a_subject_of_many_decisions_is_erased_whole(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "AT_ONCE", 2)
    for _ in range(5):
        office.decided(subject=PERSON)
    assert erased(office, subject=PERSON).decisions == 5
    assert office.listed() == []


def test_a_subject_that_nobody_knows_leaves_no_trace(office: Office) -> None:
    assert erased(office, subject=PERSON).decisions == 0
    assert office.logged("decisions.erased") == []


def test_the_command_erases_and_says_what_is_left_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_VARIABLE, f"sqlite:///{tmp_path / 'backend.db'}")

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out + captured.err

    made = ("organisations", "create", "Bank", "--admin", "a@example.org", "--generate-password", "--json")
    bank = json.loads(run(*made)[1])["id"]
    code, text = run("decisions", "erase", "Bank", "--subject", PERSON, "--json")
    there = f"fairmind log erase --subject {subject_at_the_model_server(bank, PERSON)}"
    assert (code, json.loads(text)) == (0, {"decisions": 0, "beside": 0, "model_server": [there]})
    assert there in run("decisions", "erase", "Bank", "--subject", PERSON)[1]
    assert run("decisions", "erase", "Bank", "--decision", "none")[0] == 2
    assert run("decisions", "erase", "Bank")[0] == 2
    assert run("decisions", "erase", "Bank", "--decision", "a", "--subject", "b")[0] == 2
    assert run("decisions", "erase", "Nobody", "--subject", "b")[0] == 2
