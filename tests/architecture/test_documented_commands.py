"""Every command that a document shows exists."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from apps.backend.command_line import app as backend_app
from apps.ml.command_line import SINGLE_COMMANDS, build_app
from tests.architecture import parameters_document
from tests.architecture.stage_dependencies import ROOT

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def code_in(path: Path) -> str:
    """Text of code blocks and inline code."""
    text = path.read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_in_a_document_exists(path: Path) -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)", code_in(path)))
    assert named - make_targets() == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_fairmind_command_in_a_document_exists(path: Path) -> None:
    named = set(re.findall(r"\bfairmind ([a-z]+)(?: ([a-z]+))?", code_in(path)))
    assert [" ".join(words) for words in sorted(named) if not _is_command(*words)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_of_the_backend_in_a_document_exists(path: Path) -> None:
    commands = typer.main.get_command(backend_app)
    for words in re.findall(r"\bfairmind-backend ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", code_in(path)):
        found = getattr(commands, "commands", {}).get(words[0])
        assert found is not None, words
        inner = getattr(found, "commands", None)
        assert not words[1] or inner is None or words[1] in inner, words


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_to_a_file(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def _is_command(name: str, subcommand: str) -> bool:
    command = typer.main.get_command(build_app([name]))
    found = getattr(command, "commands", {}).get(name)
    if found is None:
        return False
    inner = getattr(found, "commands", None)
    return not subcommand or inner is None or subcommand in inner


def test_the_page_of_parameters_is_up_to_date() -> None:
    assert parameters_document.DOCUMENT.read_text(encoding="utf-8") == parameters_document.render(), "run `make docs`"


@pytest.mark.parametrize("name", SINGLE_COMMANDS)
def test_a_command_that_is_asked_for_explains_itself_in_its_own_words(name: str) -> None:
    shown = CliRunner().invoke(build_app([name]), [name, "--help"]).output
    said = inspect.getdoc(getattr(importlib.import_module(f"apps.ml.commands.{name}"), name))
    assert said
    assert " ".join(said.split()) in " ".join(shown.split())
