"""Refusals of what does not fit: they name our fields and never repeat what was sent."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.backend.tests.product import NO_CERTIFICATES, PATIENCE_SECONDS, running_backend, small_settings
from apps.backend.tests.protection.routes_for_tests import Latch, add_to

NAME, NUMBER = "Lovelace", 98765432109


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    settings = small_settings(tmp_path_factory.mktemp("misfits"))
    with (
        running_backend(settings, extend=lambda app: add_to(app, Latch())) as running,
        httpx.Client(base_url=running.address, timeout=PATIENCE_SECONDS, verify=NO_CERTIFICATES) as made,
    ):
        yield made


def errors(answer: httpx.Response) -> list[tuple[str, str]]:
    assert (answer.status_code, answer.json()["code"]) == (422, "misfit"), answer.text
    return [(error["location"], error["problem"]) for error in answer.json()["errors"]]


def test_our_own_fields_are_named(client: httpx.Client) -> None:
    sent = {"inner": {"colour": "blue", "number": 11}, "items": [{}, {"number": "x"}]}
    assert errors(client.post("/test/echo", json=sent)) == [
        ("body.inner.colour", "Input should be 'red' or 'green'"),
        ("body.inner.number", "Input should be less than or equal to 10"),
        ("body.items.1.number", "Input should be a valid integer, unable to parse string as an integer"),
    ]
    assert errors(client.get("/test/query", params={"number": "x"}))[0][0] == "query.number"


def test_a_field_that_only_the_caller_knows_is_left_out(client: httpx.Client) -> None:
    assert errors(client.post("/test/echo", json={NAME: 1})) == [("body.…", "This field is not known here.")]
    assert errors(client.post("/test/echo", json={"table": {NAME: "x"}}))[0][0] == "body.table.…"


def test_the_nearest_known_field_is_offered(client: httpx.Client) -> None:
    answer = client.post("/test/echo", json={"treshold": 1})
    assert answer.json()["errors"][0]["expected"] == "perhaps threshold"


def test_words_of_python_that_hold_the_value_are_left_out(client: httpx.Client) -> None:
    assert errors(client.post("/test/echo", json={"checked": NAME})) == [("body.checked", "This does not fit.")]


def test_many_misfits_are_cut(client: httpx.Client) -> None:
    assert len(errors(client.post("/test/echo", json={f"field{n}": n for n in range(500)}))) == 50


def test_a_body_that_is_missing_is_named(client: httpx.Client) -> None:
    assert errors(client.post("/test/echo"))[0][0] == "body"


LEAVES = st.sampled_from([NAME, NUMBER, float(NUMBER) + 0.5, None, True, [NAME], {NAME: NUMBER}])
KEYS = st.sampled_from(
    ["threshold", "inner", "table", "free", "items", "checked", "colour", "number", NAME, f"{NAME}s"]
)
BODIES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_no_refusal_repeats_what_was_sent(client: httpx.Client, body: Any) -> None:
    answer = client.post("/test/echo", json=body)
    if answer.status_code == 200:
        return
    assert answer.status_code == 422
    assert NAME not in answer.text
    assert str(NUMBER) not in answer.text


@pytest.mark.parametrize(
    "path", [f"/{NAME}", f"/test/query?number={NAME}", f"/api/v1/users/{NAME}", f"/healthz/{NAME}"]
)
def test_no_address_is_repeated(client: httpx.Client, path: str) -> None:
    for method in ("GET", "POST"):
        answer = client.request(method, path)
        assert answer.status_code >= 400
        assert NAME not in answer.text + str(answer.headers)
