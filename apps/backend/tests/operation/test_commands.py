"""Tables, the audit log's chain and the interface, by command."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import delete

from apps.backend.audit_log.tables import audit_entries
from apps.backend.storage.database import Database
from apps.backend.storage.schema import newest_revisions, upgrade
from apps.backend.tests.audit_log.chains import forge, new_caller, write_entries
from apps.backend.tests.operation.running_command import Run, runner


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return runner(tmp_path, capsys, monkeypatch)


def test_tables_come_are_shown_and_go(run: Run) -> None:
    newest = sorted(newest_revisions())
    assert run("migrate", "show")[0] == 2, "there is no database yet"
    assert json.loads(run("migrate", "up", "--json")[1]) == {"applied": newest}
    shown = json.loads(run("migrate", "show", "--json")[1])
    assert shown == {"applied": newest, "newest": newest, "is_current": True}
    code, _, refused = run("migrate", "down", "base")
    assert code == 2
    assert "--yes" in refused
    assert json.loads(run("migrate", "down", "base", "--yes", "--json")[1]) == {"applied": []}
    assert json.loads(run("migrate", "show", "--json")[1])["is_current"] is False
    assert run("migrate", "down", "nonsense", "--yes")[0] == 2


def test_a_chain_is_verified_by_command(run: Run, tmp_path: Path) -> None:
    async def prepare() -> str:
        database = Database(f"sqlite:///{tmp_path / 'backend.db'}", create=True)
        try:
            await upgrade(database)
            caller = await new_caller(database)
            await write_entries(database, caller, 4)
            return caller.organisation
        finally:
            await database.close()

    async def cut() -> None:
        database = Database(f"sqlite:///{tmp_path / 'backend.db'}")
        try:
            await forge(database, "audit_entries", delete(audit_entries).where(audit_entries.c.sequence == 4))
        finally:
            await database.close()

    organisation = asyncio.run(prepare())
    code, out, _ = run("audit-log", "verify", "--json")
    assert code == 0
    found = json.loads(out)["organisations"][0]
    assert (found["organisation"], found["entries"], found["broken_at"]) == (organisation, 4, None)
    named = ("audit-log", "verify", "--organisation", organisation)
    assert run(*named, "--noted", f"4:{found['digest']}")[0] == 0
    assert run(*named, "--noted", "4:" + "0" * 64)[0] == 1
    assert run(*named, "--noted", "4")[0] == 2
    assert run("audit-log", "verify", "--noted", f"4:{found['digest']}")[0] == 2
    assert run("audit-log", "verify", "--organisation", "nobody")[0] == 2
    asyncio.run(cut())
    code, out, _ = run(*named, "--json")
    assert code == 1
    assert json.loads(out)["organisations"][0]["broken_at"] == 4
    assert "BROKEN at entry 4" in run("audit-log", "verify")[1]


def test_without_tables_it_says_what_to_do(run: Run) -> None:
    assert run("migrate")[0] == 0
    assert run("migrate", "down", "base", "--yes")[0] == 0
    code, _, err = run("audit-log", "verify")
    assert code == 2
    assert "migrate" in err


def test_the_interface_is_written_and_compared(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "docs" / "contracts" / "backend.openapi.json"
    assert run("openapi", "--check")[0] == 1
    assert not target.exists()
    assert run("openapi")[0] == 0
    assert run("openapi", "--check")[0] == 0
    document = json.loads(target.read_text(encoding="utf-8"))
    document["paths"]["/healthz"]["get"]["operationId"] = "other"
    del document["paths"]["/readyz"]
    target.write_text(json.dumps(document), encoding="utf-8")
    code, out, _ = run("openapi", "--check", "--json")
    assert code == 1
    assert json.loads(out)["differences"] == ["/paths//healthz/get/operationId", "/paths//readyz (new)"]
    assert not (tmp_path / "backend.db").exists(), "no database is made for it"
