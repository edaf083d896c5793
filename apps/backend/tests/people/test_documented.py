"""The page of people says what the code does: its routes, its refusals, its actions, its commands."""

import re
from pathlib import Path

import typer.main

from apps.backend import identity, people
from apps.backend.command_line import app
from apps.backend.tests.people.test_roles import ROUTES
from apps.backend.tests.product import Product

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/api/backend_people.md").read_text(encoding="utf-8")
OWN_CODES = re.compile(r'HTTPStatus\.\w+, "([a-z_]+)"|unavailable\("([a-z_]+)"|^WRONG = "([a-z_]+)"', re.MULTILINE)
ACTIONS = re.compile(r'append(?:_as)?\([^")]*"([a-z_]+\.[a-z_]+)"')
GENERAL = {"misfit"}


def code() -> str:
    folders = [Path(next(iter(package.__path__))) for package in (people, identity)]
    return "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))


def test_every_refusal_is_documented() -> None:
    codes = {next(filter(None, groups)) for groups in OWN_CODES.findall(code())}
    assert len(codes) > 10
    assert codes - GENERAL - set(re.findall(r"`([a-z_]+)`", PAGE)) == set()


def test_every_action_of_the_audit_log_is_documented() -> None:
    actions = set(ACTIONS.findall(code()))
    assert len(actions) > 8
    written = PAGE.replace("`.rotated`", "`service_key.rotated`").replace("`.revoked`", "`service_key.revoked`")
    table = written.partition("## The audit log")[2]
    assert actions == set(re.findall(r"`([a-z_]+\.[a-z]+)`", table))


def test_every_route_is_documented_and_no_other() -> None:
    shown = {
        (method, path.partition("?")[0]) for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/\S+)`", PAGE)
    }
    assert shown == set(ROUTES)


def test_every_command_that_the_page_shows_exists() -> None:
    groups = getattr(typer.main.get_command(app), "commands", {})
    shown = re.findall(r"fairmind-backend ([a-z]+) ([a-z-]+)", PAGE)
    assert len(shown) > 5
    assert [words for words in shown if words[1] not in groups[words[0]].commands] == []


def test_every_operation_says_what_it_does_and_how_it_refuses(product: Product) -> None:
    document = product.get("/openapi.json").json()
    for method, path in ROUTES:
        operation = document["paths"][path][method.lower()]
        assert operation["operationId"]
        assert operation["description"]
        assert {"401", "422", "429", "503"} <= set(operation["responses"])
        assert ("security" in operation) == (path != "/api/v1/sessions")
