"""The house as it is promised: everything tracked, nothing swallowed by an ignore rule, files short, words real."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.stage_dependencies import ROOT

PROMISED = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
    "pyproject.toml",
    "requirements.lock",
    "dvc.yaml",
    "dvc.lock",
    "params.yaml",
    ".dvc/config",
    ".dvcignore",
    ".ci/run",
    ".pre-commit-config.yaml",
    "docs/lifecycle.md",
    "docs/architecture.md",
    "docs/vocabulary.md",
    "docs/decisions/README.md",
    "docs/decisions/0000-template.md",
    "apps/ml/data/datasets/loan_applications.yaml",
    "apps/ml/data/datasets/adult.yaml",
    "apps/ml/data/datasets/compas.yaml",
    "apps/ml/data/datasets/german_credit.yaml",
    "apps/ml/models/bundle.py",
    "reports/report.html",
    "reports/model_card.md",
    "reports/evidence.json",
    "reports/metrics/performance.json",
)
LONGEST_FILE_LINES = 400
FORBIDDEN_MODULE_NAMES = {"utils", "core", "common", "helpers", "manager"}


def tracked() -> list[str]:
    """Files that Git tracks or would track: what an ignore rule swallows is missing here."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def source_files() -> list[Path]:
    return [ROOT / name for name in tracked() if name.endswith(".py") and (ROOT / name).exists()]


@pytest.mark.parametrize("path", PROMISED)
def test_every_promised_file_is_tracked(path: str) -> None:
    assert path in tracked()


def test_no_source_file_is_swallowed_by_an_ignore_rule() -> None:
    on_disk = {
        str(path.relative_to(ROOT))
        for folder in ("apps", "mlops", "docs", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sorted(on_disk - set(tracked())) == []


def test_no_file_is_longer_than_it_may_be() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in source_files()
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE_LINES} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path.name for path in source_files() if path.stem in FORBIDDEN_MODULE_NAMES] == []


def test_every_module_and_public_function_of_the_product_says_what_it_promises() -> None:
    silent = []
    for path in source_files():
        if "tests" in path.relative_to(ROOT).parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        public = [node for node in nodes if not node.name.startswith("_") and not ast.get_docstring(node)]
        silent += [f"{path.relative_to(ROOT)}: {node.name}" for node in public]
        if not ast.get_docstring(tree):
            silent.append(f"{path.relative_to(ROOT)}: the module")
    assert silent == []


def test_every_word_of_the_vocabulary_names_code_that_exists() -> None:
    text = (ROOT / "docs/vocabulary.md").read_text(encoding="utf-8")
    missing = [name for name in re.findall(r"`(apps\.(?:ml|backend)\.[\w.]+)`", text) if not _exists(name)]
    assert missing == []


def _exists(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return hasattr(importlib.import_module(module), attribute)
    return True


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    pages = sorted(path.name for path in (ROOT / "docs/decisions").glob("0*.md"))
    assert [page for page in pages if page not in index] == []


def test_the_lock_files_name_no_address() -> None:
    locks = [ROOT / name for name in tracked() if name.endswith(".lock") and "requirements" in name]
    assert len(locks) >= 4
    assert [str(lock) for lock in locks if "://" in lock.read_text(encoding="utf-8")] == []


def test_imports_run_one_way() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
