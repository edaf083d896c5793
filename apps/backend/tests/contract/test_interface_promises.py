"""What the interface promises for every path and every moment, held against the running backend."""

import time
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from apps.backend import identifiers
from apps.backend.identifiers import is_id, new_id
from apps.backend.tests.contract.conftest import Place
from apps.backend.tests.contract.one_of_everything import API

OTHER_METHODS = ("HEAD", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "X" * 30)
NO_MOMENTS = (
    "0", "0.5", "1700000000", "1700000000000", "-1", "1e9", "2026-01-31", "12:00:00Z", "now", "", "2026-13-01T00:00Z",
)  # fmt: skip
EXTREMES = (
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-23:59",
    "1969-12-31T23:59:59Z", "2026-02-28T24:00:00Z", "2016-12-31T23:59:60Z", "2026-01-31t12:00:00z",
)  # fmt: skip


@pytest.fixture
def interface(place: Place) -> dict[str, Any]:
    document: dict[str, Any] = place.whole.product.get("/openapi.json").json()
    return document


def moments_of(interface: dict[str, Any]) -> list[tuple[str, str]]:
    """Return path and parameter of every query by a moment, as far as the path names nothing."""
    return [
        (path, parameter["name"])
        for path, operations in interface["paths"].items()
        for parameter in operations.get("get", {}).get("parameters", [])
        if "date-time" in str(parameter["schema"]) and "{" not in path
    ]


def test_a_path_tells_all_of_its_methods_to_who_asks_by_another(place: Place, interface: dict[str, Any]) -> None:
    admin = place.has.clients["admin"]
    for template, operations in interface["paths"].items():
        path = template.format(**{name: names[0] for name, names in place.has.names.items()})
        answers = [admin.request(method, path) for method in OTHER_METHODS]
        for answer in answers:
            assert answer.status_code == 405, (path, answer.text)
            assert answer.headers["allow"].split(", ") == sorted(method.upper() for method in operations)
            assert answer.headers["content-type"] == "application/problem+json"
        assert answers[0].content == b"", "an answer to HEAD has no body"


def test_a_query_by_a_moment_takes_no_number_for_one(place: Place, interface: dict[str, Any]) -> None:
    found = moments_of(interface)
    assert len(found) >= 6
    for path, name in found:
        for text in NO_MOMENTS:
            answer = place.has.clients["admin"].get(path, params={name: text})
            assert (answer.status_code, answer.json()["code"]) == (422, "misfit"), (path, name, text)
            assert answer.json()["errors"][0]["location"] == f"query.{name}"
        assert place.has.clients["admin"].get(path, params={name: "2026-01-31T12:00:00Z"}).status_code == 200


def test_any_moment_can_be_asked_for(either: Place) -> None:
    interface = either.whole.product.get("/openapi.json").json()
    for path, name in moments_of(interface):
        for text in EXTREMES:
            answer = either.has.clients["admin"].get(path, params={name: text})
            assert answer.status_code in (200, 422), (path, name, text, answer.text)


def test_a_parameter_that_stands_for_one_value_is_taken_once(place: Place, interface: dict[str, Any]) -> None:
    singles, lists = 0, 0
    for template, operations in interface["paths"].items():
        path = template.format(**{name: names[0] for name, names in place.has.names.items()})
        for parameter in operations.get("get", {}).get("parameters", []):
            if parameter["in"] != "query":
                continue
            name = parameter["name"]
            answer = place.has.clients["admin"].get(path, params={name: ["a", "b"]})
            found = [error["location"] for error in answer.json().get("errors", []) if "once" in error["problem"]]
            if "'array'" in str(parameter["schema"]):
                lists += 1
                assert found == [], (path, name)
            else:
                singles += 1
                assert (answer.status_code, found) == (422, [f"query.{name}"]), (path, name, answer.text)
    assert singles > 30
    assert lists > 0
    stranger = place.whole.product.get(f"{API}/decisions?limit=1&limit=2")
    assert stranger.status_code == 401


@pytest.mark.parametrize("moment", [0, 1700000000, 1.5, "1700000000", True, [], {}, "2026-01-31"])
def test_a_body_takes_no_number_for_a_moment(place: Place, moment: Any) -> None:
    decision, key = place.has.names["decision"][0], place.has.names["key_id"][0]
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "expires_at": ("/service-keys", {"name": f"key {moment}", "role": "viewer"}),
        "observed_at": (f"/decisions/{decision}/outcomes", {"label": 1}),
    }
    for name, (path, body) in bodies.items():
        answer = place.has.clients["admin"].post(API + path, json={**body, name: moment})
        assert [error["location"] for error in answer.json()["errors"]] == [f"body.{name}"], answer.text
    rotated = place.has.clients["admin"].post(f"{API}/service-keys/{key}/rotate", json={"expires_at": moment})
    assert rotated.status_code == 422


def test_what_does_not_fit_together_is_told_in_words(place: Place) -> None:
    """Names of fields and words that they choose from are no values of people: a refusal may speak of them."""
    wish = {"kind": "promotion", "model": "pensions", "reason": "it is better"}
    error = place.analyst.post(f"{API}/promotions", json=wish).json()["errors"][0]
    assert error["problem"].startswith("a promotion names a version")
    twice = place.analyst.get(f"{API}/models/pensions/comparison", params={"version": ["1", "1"]}).json()["errors"][0]
    assert twice["problem"] == "a version is named twice. Name each once."


def test_names_of_rows_grow_and_stay_near_their_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.time_ns() // 1_000_000
    clock = [began + later for later in (0, 0, 0, 1, 1, -400, -400, 2, 2, -5000, -5000, -4999)]
    monkeypatch.setattr(identifiers, "_NAMES", identifiers._Growing())
    monkeypatch.setattr(identifiers, "time", SimpleNamespace(time_ns=iter([now * 1_000_000 for now in clock]).__next__))
    names = [new_id() for _ in clock]
    assert len(set(names)) == len(names)
    assert all(is_id(name) and UUID(name).version == 7 for name in names)
    assert names[:9] == sorted(names[:9])
    assert names[9:] == sorted(names[9:])
    apart = [(UUID(name).int >> 80) - now for name, now in zip(names, clock, strict=True)]
    assert min(apart) == 0
    assert max(apart) <= 500
