"""`fairmind datasets`: list, show, fetch and check, for people and for machines."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from apps.ml.commands.datasets import app
from apps.ml.data.catalogue import DATASETS_FOLDER, declared_names, load_declaration
from apps.ml.errors import DataError, DeclarationError, SourceError

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FAIRMIND_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")


def output(*arguments: str) -> str:
    return RUNNER.invoke(app, arguments, catch_exceptions=False).stdout


def test_list_names_every_data_set_and_whether_it_is_local() -> None:
    entries = {entry["name"]: entry for entry in json.loads(output("list", "--json"))}
    assert list(entries) == declared_names()
    assert entries["loan_applications"]["local"] is True
    assert entries["loan_applications"]["splits"] == ["person", "time"]
    assert entries["adult"]["local"] is False
    assert all(name in output("list") for name in entries)


def test_show_prints_the_whole_declaration() -> None:
    content = json.loads(output("show", "compas", "--json"))
    assert content["label"]["favourable"] == "negative"
    shown = output("show", "compas")
    assert "998 people" in shown
    assert "favourable: not charged again" in shown
    assert "left out: The outcome itself." in shown
    assert "race × sex" in shown


def test_show_of_the_default_says_what_is_held_out_and_sensitive() -> None:
    shown = output("show", "loan_applications")
    assert "held out" in shown
    assert "never a feature" in shown


def test_fetch_of_generated_rows_has_nothing_to_do() -> None:
    assert "nothing to fetch" in output("fetch", "loan_applications")
    assert json.loads(output("fetch", "loan_applications", "--json"))["files"] == []


def test_fetch_of_an_absent_file_without_address_raises_for_the_command_line() -> None:
    with pytest.raises(SourceError, match=r"Put the file compas/compas-scores-two-years\.csv"):
        output("fetch", "compas")


def test_an_unknown_name_raises_with_the_nearest() -> None:
    with pytest.raises(DeclarationError, match="did you mean 'adult'"):
        output("check", "adlt")


def test_check_confirms_what_the_default_data_set_promises() -> None:
    assert json.loads(output("check", "loan_applications", "--json")) == {
        "dataset": "loan_applications",
        "findings": [],
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of declarations in place of the product's own."""
    monkeypatch.setattr("apps.ml.commands.datasets.load_declaration", lambda name: load_declaration(name, tmp_path))
    monkeypatch.setattr("apps.ml.commands.datasets.declared_names", lambda: declared_names(tmp_path))
    return tmp_path


def test_check_lists_every_broken_promise(folder: Path) -> None:
    content = yaml.safe_load((DATASETS_FOLDER / "loan_applications.yaml").read_text(encoding="utf-8"))
    content["source"]["rows"] = 2000
    content["columns"]["age"]["maximum"] = 40
    (folder / "loan_applications.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(DataError, match="break 2 promises") as caught:
        output("check", "loan_applications")
    assert {finding.code for finding in caught.value.findings} == {"out_of_range", "number_of_rows"}


def test_a_broken_declaration_does_not_hide_the_others_from_list(folder: Path) -> None:
    (folder / "broken.yaml").write_text("name: broken\n", encoding="utf-8")
    (folder / "adult.yaml").write_bytes((DATASETS_FOLDER / "adult.yaml").read_bytes())
    adult, broken = json.loads(output("list", "--json"))
    assert adult["title"] == "Adult (census income)"
    assert "key 'title' is missing" in broken["error"]
    assert "is missing" in output("list")
