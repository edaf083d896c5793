"""Versions side by side: what `fairmind runs compare` finds, and undefined with a reason."""

import pytest

from apps.ml.experiments import tags
from apps.ml.experiments.comparison import Asked, compare_runs
from apps.ml.tests.code.evidence_service.registry.published_registry import (
    CHAMPION,
    FAILS,
    FOREIGN,
    MODEL,
    PASSES,
    RANKS_WORSE,
    ROOT,
    Asking,
    Published,
)

PLACE = f"{ROOT}/{MODEL}/comparison"


def test_it_says_what_the_command_says(service: Asking, published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    found = service.get(f"{PLACE}?version={CHAMPION}&version={RANKS_WORSE}").json()
    monkeypatch.chdir(published.folder)
    oracle = compare_runs(published.store, Asked([f"{MODEL}/{CHAMPION}", f"{MODEL}/{RANKS_WORSE}"]))
    assert (found["baseline"], found["confidence"]) == (CHAMPION, oracle["confidence"])
    assert [one["version"] for one in found["versions"]] == [CHAMPION, RANKS_WORSE]
    assert found["versions"][1]["metrics"] == oracle["runs"][1]["metrics"]
    assert found["differing_parameters"] == oracle["differing_parameters"]
    (pair,) = found["paired"]
    assert (pair["version"], pair["undefined"], pair["rows"]) == (RANKS_WORSE, None, 300)
    assert pair["differences"] == oracle["paired"][0]["differences"]
    assert pair["differences"]["performance.roc_auc"]["verdict"] == "worse"


def test_the_first_version_is_the_baseline_and_names_count_once(service: Asking) -> None:
    found = service.get(f"{PLACE}?version={RANKS_WORSE}&version={CHAMPION}&version={RANKS_WORSE}").json()
    assert found["baseline"] == RANKS_WORSE
    assert found["paired"][0]["differences"]["performance.roc_auc"]["verdict"] == "better"


def test_what_was_found_at_promotion_stands_beside_it(service: Asking) -> None:
    first, second = service.get(f"{PLACE}?version={CHAMPION}&version={FAILS}").json()["versions"]
    assert first["champion_comparison"]["promotes"] is True
    assert second["champion_comparison"] is None  # its own gates failed, so it was never compared


def test_a_pair_that_cannot_be_measured_is_undefined_with_the_reason(service: Asking, published: Published) -> None:
    run_id = service.get(f"{ROOT}/{MODEL}/versions/{FAILS}").json()["run_id"]
    before = published.store.client.get_run(run_id).data.tags[tags.SOURCE]
    published.store.client.set_tag(run_id, tags.SOURCE, "another")
    try:
        (pair,) = service.get(f"{PLACE}?version={PASSES}&version={FAILS}").json()["paired"]
    finally:
        published.store.client.set_tag(run_id, tags.SOURCE, before)
    assert "rows of different sources" in pair["undefined"]
    assert (pair["rows"], pair["differences"]) == (None, {})
    (again,) = service.get(f"{PLACE}?version={PASSES}&version={FAILS}").json()["paired"]
    assert again["undefined"] is None  # what could not be measured is not kept


@pytest.mark.parametrize("query", ["", "?version=1", "?version=1&version=1", "?" + "&".join(["version=%d"] * 6)])
def test_two_to_five_versions_are_needed(query: str, service: Asking) -> None:
    filled = query % (1, 2, 3, 4, 5, 6) if "%d" in query else query
    assert service.get(f"{PLACE}{filled}", 422).json()["error"]["code"] == "versions"


def test_a_version_that_is_not_there_or_brought_no_evidence_is_refused(service: Asking) -> None:
    assert service.get(f"{PLACE}?version=1&version=9", 404).json()["error"]["code"] == "unknown_version"
    foreign = PLACE.replace(MODEL, FOREIGN)
    assert service.get(f"{foreign}?version=1&version=2", 404).json()["error"]["code"] == "unknown_version"
