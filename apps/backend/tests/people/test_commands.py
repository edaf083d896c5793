"""Commands of the operator: exit codes, JSON, where secrets come out, what is written down."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from apps.backend.audit_log.tables import audit_entries
from apps.backend.command_line import main
from apps.backend.identity import passwords
from apps.backend.identity.tables import sessions, users
from apps.backend.settings import DATABASE_VARIABLE, PASSWORD_VARIABLE
from apps.backend.storage.database import Database
from apps.backend.tests.people.members import OTHER_PASSWORD, PASSWORD, Member, ask, who
from apps.backend.tests.product import Organisation, running_backend, small_settings

Run = Callable[..., tuple[int, str, str]]
ADMIN = ("--admin", "Ann@Example.org")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database that is not there yet, and quick hashes."""
    monkeypatch.setenv(DATABASE_VARIABLE, f"sqlite:///{tmp_path / 'backend.db'}")
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    monkeypatch.setattr(passwords.Passwords.__init__, "__defaults__", (1, 8, 1))
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command and return exit code, stdout and stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return command


@pytest.fixture
def bank(run: Run) -> str:
    code, _, _ = run("organisations", "create", "Nord Bank", *ADMIN)
    assert code == 0
    return "nord bank"


def stored(folder: Path, query: Any) -> list[Any]:
    async def read() -> list[Any]:
        database = Database(f"sqlite:///{folder / 'backend.db'}")
        async with database.reading() as connection:
            found = list((await connection.execute(query)).all())
        await database.close()
        return found

    return asyncio.run(read())


def test_an_organisation_is_made_with_an_admin_who_can_sign_in(run: Run, folder: Path) -> None:
    code, out, _ = run("organisations", "create", "Nord Bank", *ADMIN, "--json")
    made = json.loads(out)
    assert code == 0
    assert made["admin"]["email"] == "ann@example.org"
    assert "password" not in made, "the operator knows it"
    with running_backend(small_settings(folder)) as product:
        organisation = Organisation(made["id"], "Nord Bank", product.address, {})
        member = Member(organisation, made["admin"]["id"], "ann@example.org", PASSWORD)
        me = ask(product.address, member.token(), "GET", "/api/v1/me").json()
    assert (me["role"], me["organisation"]["name"]) == ("admin", "Nord Bank")


def test_a_generated_password_is_printed_once_and_alone(run: Run, folder: Path) -> None:
    code, out, err = run("organisations", "create", "Nord Bank", *ADMIN, "--generate-password")
    password = out.strip()
    assert code == 0
    assert len(password) == 24
    assert password not in err
    (row,) = stored(folder, select(users))
    assert asyncio.run(passwords.Passwords().check(row.password, password)).is_right
    code, out, _ = run("organisations", "create", "South Bank", *ADMIN, "--generate-password", "--json")
    assert len(json.loads(out)["password"]) == 24


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("Nord Bank", "--admin", "nobody"), "--admin does not fit. Write an email"),
        (("Nord\x07Bank", *ADMIN), "NAME does not fit. Write 1 to 200 characters"),
        (("", *ADMIN), "NAME does not fit"),
        (("\ufdfa" * 40, *ADMIN), "The name is too long"),
    ],
)
def test_an_organisation_that_does_not_fit_is_refused(run: Run, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = run("organisations", "create", *arguments)
    assert code == 2
    assert said in err
    assert "nobody" not in err


def test_a_password_comes_from_the_environment_or_nowhere(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "nord bank 12")
    code, _, err = run("organisations", "create", "Nord Bank", *ADMIN)
    assert code == 2
    assert "easy to guess" in err
    assert "nord bank 12" not in err
    monkeypatch.delenv(PASSWORD_VARIABLE)
    code, _, err = run("organisations", "create", "Nord Bank", *ADMIN)
    assert code == 2
    assert PASSWORD_VARIABLE in err


def test_a_name_that_is_taken_is_refused_with_json_for_machines(run: Run, bank: str) -> None:
    code, out, _ = run("organisations", "create", "NORD  BANK", *ADMIN, "--json")
    assert code == 2
    assert json.loads(out) == {
        "error": "There is an organisation of this name already. Choose another name.",
        "exit_code": 2,
    }


def test_organisations_are_listed_with_their_models(run: Run, bank: str) -> None:
    run("models", "grant", bank, "loans")
    run("models", "grant", bank, "cards")
    code, out, _ = run("organisations", "list", "--json")
    (found,) = json.loads(out)["organisations"]
    assert code == 0
    assert (found["name"], found["users"], found["models"]) == ("Nord Bank", 1, ["cards", "loans"])
    assert found["id"] in run("organisations", "list")[1]


def test_models_are_granted_and_revoked(run: Run, bank: str) -> None:
    outcomes = [
        run("models", verb, bank, "loans", "--json") for verb in ("grant", "grant", "revoke", "revoke", "grant")
    ]
    assert [code for code, _, _ in outcomes] == [0, 0, 0, 2, 0]
    assert [json.loads(out).get("changed") for _, out, _ in outcomes] == [True, False, True, None, True]
    code, _, err = run("models", "grant", "No such bank", "loans")
    assert code == 2
    assert "There is no such organisation" in err


def test_a_key_that_was_made_by_command_opens_its_role(run: Run, bank: str, folder: Path) -> None:
    code, out, err = run("keys", "create", bank, "scoring", "--role", "analyst", "--expires-days", "90")
    secret = out.strip()
    assert code == 0
    assert secret not in err
    code, out, _ = run("keys", "create", bank, "reading", "--role", "viewer", "--json")
    made = json.loads(out)
    assert (made["name"], made["role"], made["expires_at"]) == ("reading", "viewer", None)
    with running_backend(small_settings(folder)) as product:
        roles = [ask(product.address, shown, "GET", "/api/v1/me").json()["role"] for shown in (secret, made["secret"])]
    assert roles == ["analyst", "viewer"]
    assert run("keys", "create", bank, "scoring", "--role", "analyst")[0] == 2
    assert run("keys", "create", bank, "another", "--role", "owner")[0] == 2


def test_a_lost_password_is_set_anew_and_ends_the_sessions_of_before(
    run: Run, bank: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = stored(folder, select(users))
    with running_backend(small_settings(folder)) as product:
        member = Member(Organisation("", "Nord Bank", product.address, {}), row.id, row.email, PASSWORD)
        token = member.token()
        monkeypatch.setenv(PASSWORD_VARIABLE, OTHER_PASSWORD)
        assert run("users", "set-password", bank, "ann@example.org")[0] == 0
        assert stored(folder, select(sessions)) == []
        assert who(member, token) == 401
        assert member.sign_in(OTHER_PASSWORD).status_code == 201
    code, _, err = run("users", "set-password", bank, "bob@example.org", "--generate-password")
    assert code == 2
    assert "no user of this email" in err


def test_every_command_that_changes_something_is_written_down_without_secrets(
    run: Run, bank: str, folder: Path
) -> None:
    run("models", "grant", bank, "loans")
    run("models", "grant", bank, "loans")
    secret = run("keys", "create", bank, "scoring", "--role", "analyst")[1].strip()
    run("users", "set-password", bank, "ann@example.org", "--generate-password")
    run("models", "revoke", bank, "loans")
    log = stored(folder, select(audit_entries).order_by(audit_entries.c.sequence))
    assert {entry.actor for entry in log} == {"operator"}
    assert [entry.action for entry in log] == [
        "organisation.created",
        "user.created",
        "model.granted",
        "service_key.created",
        "user.changed",
        "model.withdrawn",
    ]
    assert secret not in str(log)
    assert PASSWORD not in str(log)


def test_without_a_database_it_says_so(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, _, err = run("organisations", "list")
    assert code == 2
    assert "there is no such file" in err
    assert list(tmp_path.iterdir()) == [], "nothing is made by looking"
    (tmp_path / "backend.db").touch()
    code, _, err = run("organisations", "list")
    assert code == 2
    assert "tables of another version" in err
    monkeypatch.setenv(DATABASE_VARIABLE, "postgresql://tester@127.0.0.1:9/none")
    code, out, _ = run("organisations", "list", "--json")
    assert (code, json.loads(out)["exit_code"]) == (4, 4)


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("organisations",),
        ("organisations", "create"),
        ("organisations", "list"),
        ("models", "grant"),
        ("models", "revoke"),
        ("keys", "create"),
        ("users", "set-password"),
    ],
    ids=" ".join,
)
def test_every_command_explains_itself(run: Run, path: tuple[str, ...]) -> None:
    code, out, _ = run(*path, "--help")
    assert code == 0
    assert "Usage:" in out
    assert len(path) < 2 or "--json" in out


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "apps.backend.command_line", "no-such-command"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "No such command" in done.stderr
