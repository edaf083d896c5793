"""The name of a person is nowhere in what is written down; the rows are, by whatever route they came."""

import json
from pathlib import Path
from typing import Any

import pytest

from apps.ml.deployment.server.options import Options
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.tests.code.deployment.conftest import COLUMNS, running, wait_until_finished
from apps.ml.tests.kept_entries import KeptEntries

NAME = "Tannenbaum, 7"


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("path", ["/v1/predict", "/v1/explain"])
def test_the_name_is_not_written_down_and_the_rows_are(
    bundle_folder: Path, rows: list[dict[str, Any]], path: str, count: int
) -> None:
    log = KeptEntries()
    with running(FolderSource(bundle_folder), options=Options(log=log)) as client:
        wait_until_finished(client)
        named = client.post(path, json={"instances": rows[:count], "subject": NAME})
        unnamed = client.post(path, json={"instances": rows[:count]})
    assert (named.status_code, unnamed.status_code) == (200, 200)
    kept, plain = log.answers
    assert NAME.encode() not in kept.inputs
    assert kept.subject is not None
    assert kept.scores == plain.scores
    values = [[row[column.name] for column in COLUMNS] for row in rows[:count]]
    assert (kept.form, json.loads(kept.inputs)) == ("rows", values)
    assert (plain.form, json.loads(plain.inputs)) == ("instances", {"instances": rows[:count]})
