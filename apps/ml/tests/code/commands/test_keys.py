"""`fairmind keys`: made, listed, rotated, revoked and audited, for people and for machines, every command recorded."""

import json
import os
import pwd
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from apps.ml.commands.keys import app
from apps.ml.errors import BadInputError, ServiceUnavailableError

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a database that is not there yet."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'fairmind.db'}")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "fairmind.db"


def run(*arguments: str) -> Result:
    return RUNNER.invoke(app, arguments, catch_exceptions=False)


def content(*arguments: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run(*arguments, "--json").stdout)
    return told


def test_create_prints_the_secret_once_and_alone_on_stdout(database: Path) -> None:
    made = run("create", "backend", "--scope", "predict", "--scope", "explain", "--expires", "90d")
    assert made.exit_code == 0
    assert made.stdout.startswith("fm_")
    assert "predict, explain" in made.stderr
    secret = made.stdout.strip()
    assert secret not in made.stderr
    listed = run("list")
    assert "backend" in listed.stdout
    assert secret not in listed.stdout
    assert secret.encode() not in b"".join(path.read_bytes() for path in database.parent.iterdir())


def test_create_tells_machines_everything_about_the_key() -> None:
    made = content("create", "backend", "--scope", "predict", "--per-minute", "600")
    assert (made["name"], made["scopes"], made["state"], made["per_minute"]) == ("backend", ["predict"], "valid", 600)
    assert made["key"].startswith(f"fm_{made['id']}_")
    assert (made["expires_at"], made["revoked_at"]) == (None, None)


def test_rotate_makes_a_second_secret_and_lets_the_old_one_end() -> None:
    old = content("create", "backend", "--scope", "predict")
    new = content("rotate", "backend", "--overlap", "1h")
    assert new["key"] != old["key"]
    keys = {key["id"]: key for key in content("list")["keys"]}
    assert keys[old["id"]]["expires_at"] is not None
    assert keys[new["id"]]["expires_at"] is None
    assert {key["state"] for key in keys.values()} == {"valid"}
    content("rotate", "backend", "--overlap", "0s")
    assert [key["state"] for key in content("list")["keys"]] == ["expired", "expired", "valid"]


def test_revoke_ends_a_key_or_its_old_secrets() -> None:
    content("create", "backend", "--scope", "predict")
    content("rotate", "backend")
    assert [key["state"] for key in content("revoke", "backend", "--old")["keys"]] == ["revoked", "valid"]
    assert "2 of 2 secrets are ended" in run("revoke", "backend").stdout
    with pytest.raises(BadInputError, match="revoked, which is for ever"):
        run("rotate", "backend")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "a b", "--scope", "predict"), "The name is unfit"),
        (("create", "backend", "--scope", "predict"), "is taken"),
        (("create", "other", "--scope", "all"), "'all' is no scope"),
        (("create", "other", "--scope", "predict", "--expires", "soon"), "--expires is no span of time"),
        (("rotate", "backend", "--overlap", "1"), "--overlap is no span of time"),
        (("revoke", "bakend"), "did you mean 'backend'"),
    ],
)
def test_what_cannot_be_meant_is_refused_for_the_command_line(arguments: tuple[str, ...], message: str) -> None:
    content("create", "backend", "--scope", "predict")
    with pytest.raises(BadInputError, match=message):
        run(*arguments)


def test_every_command_is_recorded_under_the_user_of_the_machine() -> None:
    content("create", "backend", "--scope", "predict")
    content("list")
    content("rotate", "backend")
    with pytest.raises(BadInputError, match="is taken"):
        run("create", "backend", "--scope", "predict")
    with pytest.raises(BadInputError, match="unfit"):
        run("create", "a b", "--scope", "predict")
    content("revoke", "backend")
    audited = content("audit")
    facts = [(one["action"], one["target"], one["result"]) for one in reversed(audited["actions"])]
    assert facts == [
        ("create key", "backend", "done"),
        ("list keys", "all", "done"),
        ("rotate key", "backend", "done"),
        ("create key", "backend", "refused"),
        ("create key", "(unfit name)", "refused"),
        ("revoke key", "backend", "done"),
    ]
    assert {one["actor"] for one in audited["actions"]} == {f"cli:{pwd.getpwuid(os.getuid()).pw_name}"}
    assert audited["verdict"]["whole"] is True


def test_audit_ends_with_1_where_a_record_was_altered_or_cut_off(database: Path) -> None:
    for name in ("a", "b", "c"):
        content("create", name, "--scope", "predict")
    head = content("audit")["verdict"]["head"]
    assert run("audit", "--head", head).exit_code == 0
    assert "Whole: 5 records" in run("audit").stdout
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM admin_actions WHERE number >= 3")
    connection.close()
    cut = run("audit", "--head", head)
    assert cut.exit_code == 1
    assert "its end was cut off" in cut.stdout
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE admin_actions SET actor = 'cli:nobody' WHERE number = 2")
    connection.close()
    broken = run("audit", "--json")
    assert broken.exit_code == 1
    assert json.loads(broken.stdout)["verdict"]["broken_at"] == 2


def test_a_database_that_is_not_there_is_bad_input_and_stays_so(database: Path) -> None:
    with pytest.raises(BadInputError, match="no prediction log"):
        run("list")
    assert not database.exists()


def test_a_database_that_does_not_answer_is_a_service_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:hidden@127.0.0.1:1/none")
    with pytest.raises(ServiceUnavailableError, match="does not answer") as caught:
        run("create", "backend", "--scope", "predict")
    assert "hidden" not in str(caught.value)
