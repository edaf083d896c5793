"""A log that nobody writes into the database is noted, and answers go on."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.ml.deployment.server.keeper_process import KeeperProcess
from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.prediction_log.journal import Journal
from apps.ml.prediction_log.state_folder import journal_root
from apps.ml.tests.code.deployment.conftest import running, wait_until_finished
from apps.ml.tests.code.deployment.server_faults.conftest import log_of
from apps.ml.tests.code.deployment.server_faults.load import PATH
from apps.ml.tests.code.deployment.server_faults.processes import wait_until
from apps.ml.tests.code.deployment.server_faults.stored import calls_in


def test_without_a_keeper_the_log_is_noted_to_be_late_until_one_comes(
    tmp_path: Path, bundle_folder: Path, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = log_of(tmp_path)
    monkeypatch.setenv("DATABASE_URL", address)
    journal = Journal(journal_root(tmp_path) / "here", late_seconds=0.1)
    try:
        with running(FolderSource(bundle_folder), options=Options(log=journal, state=tmp_path)) as client:
            wait_until_finished(client)
            assert client.post(PATH, json={"instances": rows}).status_code == 200
            wait_until(lambda: notes(client) == ["No writer moves the prediction log into the database. Start it."])
            keeper = KeeperProcess(tmp_path)
            try:
                wait_until(lambda: notes(client) == [] and calls_in(address) == 1)
            finally:
                keeper.stop()
    finally:
        journal.close()


def notes(client: httpx.Client) -> list[str]:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    found: list[str] = answer.json()["notes"]
    return found
