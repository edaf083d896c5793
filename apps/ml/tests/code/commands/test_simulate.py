import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apps.ml.command_line import build_app
from apps.ml.evaluation.simulation.methods import METHODS


def run(*arguments: str) -> str:
    result = CliRunner().invoke(build_app(["simulate"]), ["simulate", "--quick", *arguments], env={"COLUMNS": "80"})
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_the_short_form_prints_a_table_and_writes_picture_and_numbers(tmp_path: Path) -> None:
    shown = run("--replicates", "20", "--output", str(tmp_path / "a folder"))
    for words in ("20 draws each", "test inversion", "one apart", "Holm"):
        assert words in shown
    assert (tmp_path / "a folder" / "simulation.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "a folder" / "simulation.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["method"] for row in rows} == set(METHODS)
    assert {row["replicates"] for row in rows} == {"20"}


def test_machines_get_every_setting_and_the_same_seed_gives_the_same_numbers() -> None:
    first, again, other = (run("--replicates", "20", "--json", "--seed", seed) for seed in ("1", "1", "2"))
    assert first == again != other
    content = json.loads(first)
    assert len(content["settings"]) == 8 * len(METHODS)
    assert content["families"][0]["members"] == 24


def test_too_few_draws_are_refused() -> None:
    result = CliRunner().invoke(build_app(["simulate"]), ["simulate", "--replicates", "1"])
    assert result.exit_code == 2
    with pytest.raises(SystemExit):
        run("--replicates", "1")
