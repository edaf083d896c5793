"""Every environment variable of the product is documented where its users look, and none that does not exist is."""

import re
from pathlib import Path

from tests.architecture.stage_dependencies import ROOT

CODE = ROOT / "apps"
SERVER_FOLDERS = (CODE / "ml" / "deployment", CODE / "ml" / "prediction_log")
BACKEND_FOLDERS = (CODE / "backend",)
OPERATING = ROOT / "docs" / "deployment" / "operating.md"
OPERATING_THE_BACKEND = ROOT / "docs" / "deployment" / "backend.md"
NAME = re.compile(r"\bFAIRMIND_[A-Z]+(?:_[A-Z]+)*\b")


def names_in(*paths: Path) -> set[str]:
    return {name for path in paths for name in NAME.findall(path.read_text(encoding="utf-8"))}


def code(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*.py") if "tests" not in path.relative_to(ROOT).parts]


def documents() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]


def linked_from(document: Path) -> list[Path]:
    """The document and the pages that it links."""
    targets = re.findall(r"\]\(([^)#:]+\.md)", document.read_text(encoding="utf-8"))
    return [document, *(document.parent / target for target in targets)]


def test_every_setting_in_the_code_is_documented() -> None:
    assert names_in(*code(CODE)) - names_in(*documents()) == set()


def test_every_setting_of_the_server_is_on_the_page_of_operating_or_one_that_it_links() -> None:
    settings = names_in(*code(*SERVER_FOLDERS))
    assert len(settings) > 10
    assert settings - names_in(*linked_from(OPERATING)) == set()


def test_every_setting_of_the_backend_is_on_the_page_of_operating_it_or_one_that_it_links() -> None:
    settings = names_in(*code(*BACKEND_FOLDERS))
    assert len(settings) > 8
    assert settings - names_in(*linked_from(OPERATING_THE_BACKEND)) == set()


def test_every_documented_setting_exists() -> None:
    assert names_in(*documents()) - names_in(*code(CODE)) == set()
