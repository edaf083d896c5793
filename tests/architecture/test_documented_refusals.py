"""Every code with which the model server refuses stands in a table of its pages, with its status, and no other does."""

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus

from apps.ml.deployment.requests.refusals import CODES
from tests.architecture.stage_dependencies import ROOT

SERVER = ROOT / "apps" / "ml" / "deployment"
CLIENT = SERVER / "client"
DOCUMENTS = ROOT / "docs"
PAGES = ("api/model_server.md", "api/explanations.md", "deployment/protection.md")
CODE = re.compile(r"[a-z]+(?:_[a-z]+)*")
TABLE = re.compile(r"^\| status.*\n\|[-|]+\n(?P<rows>(?:\|.*\n?)+)", flags=re.MULTILINE)

Refusals = dict[str, set[int]]
"""Codes, each with its statuses as far as they can be read."""


def in_the_code() -> Refusals:
    """A status and a code, one after the other, among the arguments of a call."""
    found: Refusals = {code: {status.value} for status, code in CODES.items()}
    for path in SERVER.rglob("*.py"):
        if CLIENT not in path.parents:
            for status, code in _pairs(ast.parse(path.read_text(encoding="utf-8"))):
                found.setdefault(code, set()).update(status)
    return found


def _pairs(tree: ast.Module) -> Iterator[tuple[set[int], str]]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for before, argument in zip(call.args, call.args[1:], strict=False):
            code = argument.value if isinstance(argument, ast.Constant) else None
            if isinstance(code, str) and CODE.fullmatch(code) and _is_status(before):
                yield ({HTTPStatus[before.attr].value} if isinstance(before, ast.Attribute) else set()), code


def _is_status(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id == "HTTPStatus"
    return isinstance(node, ast.Name) and node.id == "status"


def in_the_documents() -> Refusals:
    """Each code of the tables of statuses with all statuses of its rows."""
    found: Refusals = {}
    for page in PAGES:
        for table in TABLE.finditer((DOCUMENTS / page).read_text(encoding="utf-8")):
            for row in table["rows"].splitlines():
                for code, statuses in _row(row):
                    found.setdefault(code, set()).update(statuses)
    return found


def _row(row: str) -> Iterator[tuple[str, set[int]]]:
    first, second = row.split("|")[1:3]
    statuses = {int(text) for text in re.findall(r"\b[45][0-9]{2}\b", first)}
    for code in re.findall(r"`([^`]+)`", first if "`" in first else second):
        if CODE.fullmatch(code):
            yield code, statuses


def test_every_code_of_a_refusal_is_documented() -> None:
    assert in_the_code().keys() - in_the_documents().keys() == set()


def test_every_documented_code_is_one_that_the_server_gives() -> None:
    assert in_the_documents().keys() - in_the_code().keys() == set()


def test_every_code_is_documented_with_its_status() -> None:
    documented = in_the_documents()
    wrong = {code: statuses for code, statuses in in_the_code().items() if not statuses <= documented.get(code, set())}
    assert wrong == {}


def test_codes_are_read_from_the_code_at_all() -> None:
    assert {"misfit", "key_missing", "head_too_large", "not_found", "log_full"} <= in_the_code().keys()
