"""Which arm answers whom: shares, stickiness, salt, changes of weights, and arms that are not there."""

import hashlib
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import chisquare

from apps.ml.deployment.requests.caller import Asked, Caller
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.traffic.chooser import Assigned, TrafficChooser
from apps.ml.deployment.traffic.plan import TrafficPlan
from apps.ml.deployment.versions.model_source import FolderSource, RegistrySource
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.errors import BadInputError

SUBJECTS = [f"person {number}" for number in range(20_000)]
LEAST_PROBABILITY = 0.001
CALLER = Caller()
MODEL = "toy_loans"


def plan_of(shelf: Shelf, *weights: float, salt: str = "salt", schedule: Any = ()) -> TrafficPlan:
    """Return a plan whose arms `a`, `b`, … share the versions of a shelf in turn."""
    addresses = [shelf.slots[number % len(shelf.slots)].source.address for number in range(len(weights))]
    arms = [
        {"name": name, "address": address, "weight": weight}
        for name, address, weight in zip("abcdef", addresses, weights, strict=False)
    ]
    return TrafficPlan.model_validate({"model": MODEL, "salt": salt, "arms": arms, "schedule": schedule})


def arms_of(chooser: TrafficChooser) -> list[str]:
    return [chooser.assign(subject).arm for subject in SUBJECTS]


def moved_between(before: list[str], after: list[str]) -> list[tuple[str, str]]:
    """Return old and new arm of every subject whose arm changed."""
    return [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]


def asked(subject: str | None = None, **named: str) -> Asked:
    return Asked(CALLER, "predict", subject=subject, **named)


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.9, 0.1), (0.6, 0.3, 0.1), (0.25, 0.25, 0.2, 0.2, 0.1)])
def test_shares_are_the_weights(shelf: Shelf, weights: tuple[float, ...]) -> None:
    chooser = TrafficChooser(shelf, plan_of(shelf, *weights))
    counts = Counter(arms_of(chooser))
    expected = [weight * len(SUBJECTS) for weight in weights]
    assert chisquare([counts[name] for name in chooser.weights()], expected).pvalue > LEAST_PROBABILITY
    assert list(chooser.weights().values()) == list(weights)


def test_requests_without_a_subject_are_drawn_by_the_same_weights_and_are_not_sticky(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.ml.deployment.traffic.chooser.random", random.Random(5))  # noqa: S311 (no secret)
    chooser = TrafficChooser(shelf, plan_of(shelf, 0.7, 0.3))
    drawn = [chooser.assign(None) for _ in range(20_000)]
    assert not any(one.sticky for one in drawn)
    counts = Counter(one.arm for one in drawn)
    assert chisquare([counts["a"], counts["b"]], [14_000, 6_000]).pvalue > LEAST_PROBABILITY


def test_a_subject_stays_with_its_arm_in_every_process(shelf: Shelf) -> None:
    chooser, again = (TrafficChooser(shelf, plan_of(shelf, 0.5, 0.5)) for _ in range(2))
    assert arms_of(chooser) == arms_of(again)
    place = int.from_bytes(hashlib.sha256(b"salt\x00person 3").digest()[:4], "big") / 2**32
    assert chooser.assign("person 3") == Assigned("a" if place < 0.5 else "b", sticky=True)
    assert chooser.choose(asked("person 3")).arm == chooser.assign("person 3").arm


def test_another_salt_divides_the_subjects_anew(shelf: Shelf) -> None:
    first = arms_of(TrafficChooser(shelf, plan_of(shelf, 0.5, 0.5)))
    second = arms_of(TrafficChooser(shelf, plan_of(shelf, 0.5, 0.5, salt="pepper")))
    same = sum(one == other for one, other in zip(first, second, strict=True))
    assert chisquare([same, len(SUBJECTS) - same]).pvalue > LEAST_PROBABILITY


def test_a_weight_that_grows_moves_nobody_between_the_other_arms(shelf: Shelf) -> None:
    before = arms_of(TrafficChooser(shelf, plan_of(shelf, 0.6, 0.2, 0.2)))
    after = arms_of(TrafficChooser(shelf, plan_of(shelf, 0.5, 0.3, 0.2)))
    assert set(moved_between(before, after)) == {("a", "b")}


def test_the_schedule_changes_weights_at_its_times_and_moves_the_fewest_subjects(shelf: Shelf) -> None:
    schedule = [
        {"from": "2026-01-05T08:00:00+00:00", "weights": {"a": 0.4, "b": 0.2, "c": 0.2, "d": 0.2}},
        {"from": "2026-01-12T08:00:00+00:00", "weights": {"a": 0.4, "b": 0.1, "c": 0.3, "d": 0.2}},
    ]
    clock = [1767600000.0 - 1]
    chooser = TrafficChooser(shelf, plan_of(shelf, 0.7, 0.1, 0.1, 0.1, schedule=schedule), lambda: clock[0])
    first = arms_of(chooser)
    clock[0] += 1
    second = arms_of(chooser)
    clock[0] += 7 * 86_400
    third = arms_of(chooser)
    assert chooser.weights() == {"a": 0.4, "b": 0.1, "c": 0.3, "d": 0.2}
    assert set(moved_between(first, second)) == {("a", "b"), ("a", "c"), ("a", "d")}
    moved = moved_between(second, third)
    assert set(moved) == {("b", "c")}
    assert len(moved) == pytest.approx(0.1 * len(SUBJECTS), rel=0.1)


def test_the_arm_answers_with_its_own_version(shelf: Shelf) -> None:
    chooser = TrafficChooser(shelf, plan_of(shelf, 0.5, 0.5))
    for subject in SUBJECTS[:50]:
        request = asked(subject)
        chosen = chooser.choose(request)
        assert chosen.asked is request
        assert chosen.model is shelf.slots["ab".index(str(chosen.arm))].served()


@pytest.mark.parametrize("named", [{"model": MODEL}, {}])
def test_requests_for_the_plans_model_are_divided(shelf: Shelf, named: dict[str, str]) -> None:
    chooser = TrafficChooser(shelf, plan_of(shelf, 0.5, 0.5))
    assert {chooser.choose(asked(subject, **named)).arm for subject in SUBJECTS[:50]} == {"a", "b"}


def test_requests_that_name_a_version_or_an_alias_bypass_the_plan(shelf: Shelf) -> None:
    chooser = TrafficChooser(shelf, plan_of(shelf, 0.0, 1.0))
    for named in ({"version": "1"}, {"alias": "champion"}, {"model": "other"}):
        with pytest.raises(RefusalError, match="not served here"):
            chooser.choose(asked("person 1", **named))


def test_requests_that_name_nothing_are_not_divided_where_another_model_answers_them(
    bundle_folder: Path, challenger_folder: Path
) -> None:
    other = RegistrySource("other", alias="champion")
    shelf = Shelf([other, FolderSource(bundle_folder), FolderSource(challenger_folder)])
    for slot in shelf.slots[1:]:
        slot.fill(lambda _: None)
    arms = [{"name": "a", "address": str(bundle_folder), "weight": 1.0}]
    chooser = TrafficChooser(shelf, TrafficPlan.model_validate({"model": MODEL, "salt": "s", "arms": arms}))
    assert chooser.choose(asked(model=MODEL)).arm == "a"
    with pytest.raises(RefusalError, match="No model is loaded"):
        chooser.choose(asked())


def test_an_arm_that_is_not_loaded_is_answered_by_the_first_and_never_counted_as_either(
    bundle_folder: Path, challenger_folder: Path
) -> None:
    shelf = Shelf([FolderSource(bundle_folder), FolderSource(challenger_folder)])
    shelf.slots[0].fill(lambda _: None)
    chooser = TrafficChooser(shelf, plan_of(shelf, 0.0, 1.0))
    chosen = chooser.choose(asked("person 1"))
    assert chosen.model is shelf.slots[0].served()
    assert chosen.arm == "fallback:b"
    shelf.slots[1].fill(lambda _: None)
    assert chooser.choose(asked("person 1")).arm == "b"


def test_without_the_first_arm_nobody_is_answered_in_its_place(bundle_folder: Path, challenger_folder: Path) -> None:
    shelf = Shelf([FolderSource(bundle_folder), FolderSource(challenger_folder)])
    shelf.slots[1].fill(lambda _: None)
    chooser = TrafficChooser(shelf, plan_of(shelf, 1.0, 0.0))
    with pytest.raises(RefusalError, match="No model is loaded") as caught:
        chooser.choose(asked("person 1"))
    assert caught.value.status == 503


def test_an_arm_that_is_not_on_the_shelf_is_an_error_at_the_start(shelf: Shelf, tmp_path: Path) -> None:
    arms = [{"name": "a", "address": str(tmp_path), "weight": 1.0}]
    with pytest.raises(BadInputError, match="is an arm of the plan and is not served"):
        TrafficChooser(shelf, TrafficPlan.model_validate({"model": MODEL, "salt": "s", "arms": arms}))
