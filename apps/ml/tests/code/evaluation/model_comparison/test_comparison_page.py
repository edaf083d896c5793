import copy
from typing import Any

import pytest

from apps.ml.evaluation.model_comparison.forest_plot import panels_of
from apps.ml.evaluation.model_comparison.looks import looks, metric_words, written
from apps.ml.evaluation.model_comparison.measures import Rules, measures_of
from apps.ml.evaluation.model_comparison.page import draw_comparison, metric_sections, render_comparison
from apps.ml.evaluation.model_comparison.parallel_plot import (
    NOT_SET,
    metric_coordinate,
    parameter_coordinate,
    telling_parameters,
)
from apps.ml.evaluation.model_comparison.rows import pair_rows
from apps.ml.evaluation.model_comparison.verdicts import judge
from apps.ml.tests.answered_rows import answered
from apps.ml.tests.code.evaluation.test_report import Page

KNOWLEDGE = {"<b>base": 0.2, "better & best": 0.6, "alike": 0.2}
GAP = "fairness.sex.demographic_parity_difference"


def entry(name: str, auc: float) -> dict[str, Any]:
    metrics = {
        "performance.roc_auc": {"value": auc, "lower": auc - 0.05, "upper": auc + 0.05},
        "performance.precision": {"value": None, "undefined": "no row was predicted positive"},
        GAP: {"value": 0.1, "lower": 0.0, "upper": 0.2},
        "cost.bundle_bytes": {"value": 98363.0},
    }
    facts = {"run_id": "0" * 32, "dataset": "small", "commit": None, "dirty": True, "verdict": "PASS"}
    return {"label": name, "metrics": metrics, **facts}


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    names, base = list(KNOWLEDGE), answered(0.2)
    measures = {str(at): measures_of(pair_rows(answered(KNOWLEDGE[names[at]]), base), Rules()) for at in (1, 2)}
    judged = judge(measures, 0.95)
    paired = [
        {"place": int(at), "rows": 400, "left_out": 0, "differences": {one.path: one.to_dict() for one in found}}
        for at, found in judged.items()
    ]
    point = {"performance": {"value": 0.7, "lower": 0.6, "upper": 0.8}, "unfairness": {"value": 0.1}}
    standings = ("beaten", "optimal beyond noise", "optimal within noise")
    front = {
        "performance": "performance.roc_auc",
        "performance_better": "higher",
        "unfairness": GAP,
        "unfairness_better": "lower",
        "paired": True,
        "points": [{"name": name, "standing": said, **point} for name, said in zip(names, standings, strict=True)],
        "without": [],
    }
    return {
        "runs": [entry(name, 0.6 + knowledge / 2) for name, knowledge in KNOWLEDGE.items()],
        "differing_parameters": {
            "model_training.seed": ["1", "2", "3"],
            "model_training.threshold.rule": ["a", "b", None],
        },
        "baseline": 0,
        "confidence": 0.95,
        "paired": paired,
        "front": front,
    }


def rendered(content: dict[str, Any]) -> Page:
    return Page(render_comparison(content, draw_comparison(content)))


def test_the_page_stands_alone_and_is_well_formed(content: dict[str, Any]) -> None:
    page = rendered(content)
    loaded = [value or "" for name, value in page.attributes if name in ("src", "href")]
    assert all(value.startswith(("data:image/png;base64,", "#")) for value in loaded)
    assert not {"script", "link", "iframe"} & set(page.tags)
    anchors = {value for name, value in page.attributes if name == "id"}
    assert {value[1:] for value in loaded if value.startswith("#")} <= anchors
    assert page.tags.count("img") == 3
    assert page.tags.count("table") == page.tags.count("caption")


def test_names_verdicts_and_reasons_are_on_the_page(content: dict[str, Any]) -> None:
    html = render_comparison(content, draw_comparison(content))
    page = Page(html)
    assert "<b>base" not in html
    assert "<b>base" in page.text
    assert page.text.count("better & best − <b>base") == 1
    assert {"better", "no difference shown"} <= {said for name, said in _verdicts(content)}
    assert "no row was predicted positive" in page.text
    assert "98,363" in page.text


def _verdicts(content: dict[str, Any]) -> list[tuple[str, str]]:
    return [(path, found["verdict"]) for one in content["paired"] for path, found in one["differences"].items()]


def test_a_pair_that_cannot_be_had_and_no_front_are_told_in_words(content: dict[str, Any]) -> None:
    poor = copy.deepcopy(content)
    poor["paired"] = [{"place": 1, "undefined": "the rows are gone. Run `dvc pull`.", "differences": {}}]
    poor["front"] = None
    poor["differing_parameters"] = {}
    page = rendered(poor)
    assert "the rows are gone. Run `dvc pull`." in page.text
    assert "no run has both a performance and an unfairness" in page.text
    assert "the runs have the same parameters" in page.text


def test_a_single_run_has_a_page(content: dict[str, Any]) -> None:
    alone = {**content, "runs": content["runs"][:1], "paired": [], "front": None, "differing_parameters": {}}
    assert "There is no other run." in rendered(alone).text


def test_pictures_describe_what_they_show_and_leave_the_content_as_it_is(content: dict[str, Any]) -> None:
    before = copy.deepcopy(content)
    parallel, front, forest = draw_comparison(content)
    assert content == before
    assert "better & best: ROC AUC better" in forest.description
    assert "alike: no difference shown" in forest.description
    assert "<b>base is beaten" in front.description
    assert "ROC AUC 0.9000" in parallel.description


def test_numbers_stand_to_scale_and_other_values_at_equal_steps() -> None:
    assert [place and place[0] for place in parameter_coordinate("a.rounds", ["10", "20", "15"]).places] == [0, 1, 0.5]
    assert [place and place[0] for place in parameter_coordinate("a.rate", ["1", "10", "100"]).places] == [0, 0.5, 1]
    mixed = parameter_coordinate("a.depth", ["7", None, "100"])
    assert [text for _, text in mixed.ticks] == [NOT_SET, "7", "100"]
    assert [place and place[0] for place in mixed.places] == [0.5, 0, 1]


def test_up_is_better_on_an_axis_of_which_less_is_better() -> None:
    runs = [{"metrics": {"m": {"value": value}}} for value in (1.0, 2.0)] + [{"metrics": {}}]
    places = metric_coordinate(runs, "m", higher_is_better=False).places
    assert [place and place[0] for place in places] == [1.0, 0.0, None]


def test_parameters_that_a_run_only_lacks_give_way_to_those_that_tell() -> None:
    differing: dict[str, list[str | None]] = {"a": ["1", None], "b": ["1", "2"], "c": [None, "5"]}
    assert list(telling_parameters(differing, 5)) == ["b"]
    assert list(telling_parameters({"a": ["1", None]}, 5)) == ["a"]


def test_every_run_looks_its_own_way_and_the_baseline_is_black() -> None:
    chosen = looks(12, 3)
    assert len({look[:2] for look in chosen}) == 12
    assert chosen[3].colour == "#000000"


def test_metrics_are_named_and_sorted_into_sections(content: dict[str, Any]) -> None:
    assert metric_words("performance.roc_auc") == "ROC AUC"
    assert written("performance.mean_absolute_error", 12345.678) == "12,345.7"
    assert metric_words(GAP) == "demographic parity difference, sex"
    assert list(metric_sections(content["runs"])) == ["Performance and calibration", "Fairness: sex", "Cost"]
    assert panels_of([GAP, "performance.roc_auc", GAP]) == {
        "gaps between groups: sex": [GAP],
        "performance": ["performance.roc_auc"],
    }
