"""What the store is told: numbers with intervals, honest statuses and confidence, bounded in size, named for good."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.backend.governance.items import Destination, Item, item_name, items_of
from apps.backend.governance.numbers import MOST_BYTES, clipped, fitted, lowest_confidence, measurement
from apps.backend.tests.models.scripted_registry import MEASURED, RATIO, ScriptedRegistry, record
from apps.backend.upstreams.registry_answers import VersionDetails

TO = Destination("organisation", "credit", None, "user:1")
DOCUMENTS = {"card": {"title": "Card", "media_type": "text/markdown", "bytes": 3, "sha256": "0" * 64}}


def version(number: str = "1") -> VersionDetails:
    registry = ScriptedRegistry()
    registry.reset()
    found = next(one for one in registry.versions["loans"] if one.number == number)
    return VersionDetails.model_validate(registry._details("loans", found))


def made(content: dict[str, Any] | None = None, to: Destination = TO, number: str = "1") -> dict[str, Item]:
    return {item.part: item for item in items_of(version(number), content or record(), DOCUMENTS, to)}


def test_every_part_worth_keeping_is_an_item() -> None:
    parts = ["gates", "performance", "explanations", "fairness.gender", "fairness.origin", "data", "documents"]
    assert list(made()) == parts


def test_numbers_come_with_their_intervals() -> None:
    told = made()["performance"].body["content"]
    kept = {name: MEASURED[name] for name in ("value", "n", "lower", "upper", "confidence")}
    assert told["numbers"]["roc_auc"] == kept
    assert told["numbers"]["f1"] == {"value": None, "n": 0, "undefined": "no positives"}
    assert (told["evidence"], told["model"], told["version"]) == (record()["digest"], "loans", "1")
    assert (told["verdict"], told["left_out"]) == ("PASS", 0)


def test_groups_are_told_beside_their_comparisons() -> None:
    told = made()["fairness.gender"].body["content"]
    assert told["numbers"]["demographic_parity_ratio"]["lowest"] == "female"
    assert told["numbers"]["groups.female"]["favourable_rate"]["value"] == 0.7
    assert told["numbers"]["groups.female"]["judged"] is True


def test_confidence_is_that_of_the_intervals() -> None:
    told = {part: item.body.get("confidence", "left out") for part, item in made().items()}
    assert told == {
        "gates": 0.95,
        "performance": 0.95,
        "explanations": 0.95,
        "fairness.gender": 0.95,
        "fairness.origin": 0.9,
        "data": "left out",
        "documents": "left out",
    }


def test_estimates_without_any_interval_have_no_confidence() -> None:
    bare = record(performance={"roc_auc": {"value": 0.8, "n": 10}})
    assert made(bare)["performance"].body["confidence"] == 0.0


def test_a_status_is_the_verdict_on_that_part() -> None:
    passed = {part: item.body["status"] for part, item in made().items()}
    assert passed["gates"] == passed["performance"] == "passed"
    assert passed["fairness.gender"] == "inconclusive"
    assert passed["fairness.origin"] == passed["explanations"] == passed["data"] == passed["documents"] == "recorded"
    failed = {part: item.body["status"] for part, item in made(number="3").items()}
    assert failed["gates"] == failed["performance"] == "failed"


def test_the_rest_is_what_the_store_asks_for() -> None:
    body = made()["gates"].body
    assert body["title"] == "loans version 1: what its gates said"
    assert body["source"] == "fairmind:loans/1"
    assert (body["uploaded_by"], body["captured_at"]) == ("user:1", "2026-11-21T10:00:00+00:00")
    assert "control_id" not in body
    assert made(to=Destination("o", "s", "c-1", "user:1"))["gates"].body["control_id"] == "c-1"
    assert body["content"]["numbers"]["ranking"]["rows_to_decide"] == 12
    assert body["content"]["numbers"]["policy: chance"]["verdict"] == "PASS"


def test_a_name_stands_for_one_part_of_one_evidence_at_one_place() -> None:
    digest = record()["digest"]
    same = item_name(TO, digest, "gates")
    assert same == item_name(Destination("organisation", "credit", None, "user:2"), digest, "gates")
    assert same == made()["gates"].name == made()["gates"].body["content"]["name"]
    others = {
        item_name(TO, digest, "data"),
        item_name(TO, "0" * 64, "gates"),
        item_name(Destination("other", "credit", None, "user:1"), digest, "gates"),
        item_name(Destination("organisation", "cards", None, "user:1"), digest, "gates"),
        item_name(Destination("organisation", "credit", "c-1", "user:1"), digest, "gates"),
        same,
    }
    assert len(others) == 6


def test_no_item_is_larger_than_a_store_takes() -> None:
    long = "x" * 10_000
    wide = record(
        performance={f"metric {number} {long[:400]}": MEASURED for number in range(2000)},
        data={"known_faults": [long] * 500, "rows": {f"{number}{long}": 1 for number in range(500)}},
        policy={"a": {"b": {"c": {"d": {"e": {"f": {"g": "deep"}}}}}}},
    )
    for item in items_of(version(), wide, {f"d{number}": {"title": long} for number in range(1000)}, TO):
        assert len(json.dumps(item.body["content"])) <= MOST_BYTES
    told = made(wide)["performance"].body["content"]
    assert told["left_out"] > 0
    assert len(told["numbers"]) + told["left_out"] == 2000


def test_odd_evidence_makes_items_all_the_same() -> None:
    odd = record(performance=None, fairness=[1], explainability="no", data=None, policy=7)
    assert list(made(odd)) == ["gates", "data", "documents"]
    half = record(fairness={"gender": {"groups": {"a": 1, "b": {"favourable_rate": 3}}}, "origin": None})
    assert made(half)["fairness.gender"].body["content"]["numbers"] == {"groups.b": {}}


def test_the_lowest_level_counts() -> None:
    assert lowest_confidence({"a": RATIO, "b": [{"confidence": 0.8, "lower": 0.1}]}) == 0.8
    assert lowest_confidence({"confidence": 0.5, "lower": None}) is None
    assert lowest_confidence({"value": 1}) is None
    assert measurement({**RATIO, "method": "m"}) == {k: v for k, v in RATIO.items() if k != "method"}


anything = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=40,
)


@settings(max_examples=50)
@given(anything, st.dictionaries(st.text(), anything, max_size=20))
def test_whatever_is_told_is_json_of_bounded_size(content: Any, numbers: dict[str, Any]) -> None:
    told = fitted({"content": clipped(content)}, {name: clipped(value) for name, value in numbers.items()}, 2000)
    assert json.loads(json.dumps(told)) == told
    assert len(told["numbers"]) + told["left_out"] == len(numbers)
    assert len(json.dumps(told)) <= 2000 or not told["numbers"]
