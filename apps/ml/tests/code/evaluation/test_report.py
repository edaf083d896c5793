import re
from html.parser import HTMLParser
from typing import Any

import pytest

from apps.ml.evaluation.documents.summary import headlines, limits
from apps.ml.evaluation.documents.words import count, interval, number, percent, rates, threshold
from apps.ml.evaluation.plots.drawing import Drawings, draw_all
from apps.ml.evaluation.plots.style import DPI, WIDTH, Plot
from apps.ml.evaluation.report import render_report
from apps.ml.tests import small_evaluation

VOID = {"meta", "img", "rect", "line", "link", "br"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails on tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.cells: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"th", "td"} & set(self._open[-1:]):
            self.cells.append(data)


@pytest.fixture(scope="module")
def drawings() -> Drawings:
    return small_evaluation.drawings()


@pytest.fixture(scope="module")
def html(drawings: Drawings) -> str:
    return render_report(small_evaluation.record(), drawings.plots)


def test_the_page_is_well_formed_and_loads_nothing(html: str) -> None:
    page = Page(html)
    loaded = [value for name, value in page.attributes if name in ("src", "href", "srcset", "data", "action")]
    assert all(value and value.startswith(("data:image/png;base64,", "#")) for value in loaded)
    assert not {"script", "link", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    assert "url(" not in html
    assert "@import" not in html
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not re.search("(https?:)?//", " ".join(value or "" for name, value in page.attributes if name != "src"))


def test_links_within_the_page_lead_somewhere(html: str) -> None:
    attributes = Page(html).attributes
    anchors = {value for name, value in attributes if name == "id"}
    assert len(anchors) == len([name for name, _ in attributes if name == "id"])
    assert {value.removeprefix("#") for name, value in attributes if name == "href" and value} <= anchors
    assert {value for name, value in attributes if name == "aria-labelledby"} <= anchors


def test_each_attribute_group_picture_and_the_digest_are_on_the_page(html: str, drawings: Drawings) -> None:
    page, record = Page(html), small_evaluation.record()
    for attribute, assessed in record["fairness"].items():
        assert f"Rates by group of {attribute}" in page.text
        assert all(group in page.text for group in assessed["groups"])
    assert page.tags.count("img") == len(drawings.plots)
    assert record["digest"] in page.text


def test_names_with_special_characters_are_escaped(html: str) -> None:
    assert "<b>women" not in html
    assert "&lt;b&gt;women&lt;/b&gt; &amp; girls" in html
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_what_is_undefined_is_shown_with_its_reason(html: str) -> None:
    reason = small_evaluation.record()["fairness"]["place"]["groups"]["<none>"]["true_positive_rate"]["undefined"]
    assert f'<span class="undefined">undefined</span><span class="why">{reason}' in html


def rendered(record: dict[str, Any]) -> Page:
    return Page(render_report(record, draw_all(record).plots))


def only_sex(record: dict[str, Any]) -> dict[str, Any]:
    record["fairness"] = {"sex": record["fairness"]["sex"]}
    return record


def test_decisions_without_labels_are_reported_and_what_needs_labels_is_named_once_with_its_reason() -> None:
    page = rendered(only_sex(small_evaluation.audit_record()))
    assert "The file holds decisions without labels" in page.text
    assert "Undefined, because there are no labels: equal opportunity, predictive equality" in page.text
    assert "Undefined, because there are no labels: base rate, true positive rate" in page.text
    assert "demographic parity" in page.cells
    assert "true positive rate" not in page.cells
    assert page.tags.count("img") == 2


def test_decisions_with_labels_and_without_scores_are_reported() -> None:
    page = rendered(only_sex(small_evaluation.audit_record(labels=True)))
    assert page.tags.count("img") == 3
    assert "ROC curve" not in page.text
    assert "all test rows" not in page.text
    assert "Explanation" not in page.text


def test_comparisons_that_no_group_allows_are_named_with_their_reason() -> None:
    record = small_evaluation.record()
    nothing = {"value": None, "n": 0, "undefined": "nobody <is> there"}
    for key in list(record["fairness"]["sex"]):
        if key.endswith(("_difference", "_ratio")) or key == "abroca":
            record["fairness"]["sex"][key] = nothing
    page = Page(render_report(record, []))
    assert "Undefined, because nobody <is> there: demographic parity, equal opportunity" in page.text
    assert "Comparisons between the judged groups of sex" not in page.text
    assert "Comparisons between the judged groups of place" in page.text


def test_pictures_stand_at_one_scale_and_wide_ones_may_scroll(html: str, drawings: Drawings) -> None:
    assert {"--inches: 6", "--inches: 7.2", "--inches: 9.6"} <= {v for k, v in Page(html).attributes if k == "style"}
    wide = [plot for plot in drawings.plots if width(plot) > WIDTH * DPI + 1]
    assert html.count('<div class="wide">') == len(wide) > 0


def width(plot: Plot) -> int:
    return int.from_bytes(plot.png[16:20], "big")


def test_small_and_unknown_groups_are_flagged(html: str) -> None:
    assert html.count('<span class="flag">not judged</span>') >= 2
    assert "7 rows are fewer than the minimum group size of 30" in html


def test_every_picture_has_a_description_and_every_table_a_caption(html: str) -> None:
    page = Page(html)
    described = [value for name, value in page.attributes if name == "alt"]
    assert len(described) == page.tags.count("img")
    assert all(described)
    assert all(re.fullmatch(r".+\. .+\.", text or "", re.DOTALL) for text in described)
    assert page.tags.count("table") == page.tags.count("caption")


def test_no_value_reads_as_not_a_number(html: str) -> None:
    assert not re.search(r"\b(nan|None|inf)\b", Page(html).text)


def test_the_page_is_the_same_twice(html: str) -> None:
    assert render_report(small_evaluation.record(), small_evaluation.drawings().plots) == html


def test_the_record_is_not_changed() -> None:
    record = small_evaluation.record()
    render_report(record, [])
    assert record == small_evaluation.record()


def test_a_record_without_contributions_and_truth_is_rendered(drawings: Drawings) -> None:
    record = small_evaluation.record()
    record["truth"] = {}
    record["explainability"]["undefined"] = "they do not add up"
    del record["explainability"]["additivity_error"]
    for local in record["local_explanations"]:
        del local["base"], local["contributions"], local["other_columns"]
    page = Page(render_report(record, drawings.plots[:4]))
    assert "they do not add up" in page.text
    assert "Against the truth" not in page.text


def test_headlines_take_the_worst_attribute_and_name_those_without_value() -> None:
    record = small_evaluation.record()
    for attribute, value in (("sex", 0.9), ("place", 0.7)):
        record["fairness"][attribute]["demographic_parity_ratio"] = {"value": value, "n": 10}
    worst = next(line for line in headlines(record) if line.name == "demographic parity ratio")
    assert (worst.measured["value"], worst.where) == (0.7, "worst attribute: place")
    record["fairness"]["place"]["demographic_parity_ratio"] = {"value": None, "n": 0, "undefined": "one group"}
    worst = next(line for line in headlines(record) if line.name == "demographic parity ratio")
    assert worst.where == "worst attribute: sex; undefined for place"
    record["fairness"]["sex"]["demographic_parity_ratio"] = {"value": None, "n": 0, "undefined": "one group"}
    worst = next(line for line in headlines(record) if line.name == "demographic parity ratio")
    assert worst.measured["undefined"] == "one group"


def test_limits_name_groups_that_are_not_judged_and_everything_undefined() -> None:
    record = small_evaluation.record()
    record["performance"]["roc_auc"] = {"value": None, "n": 5, "undefined": "one class only"}
    record["explainability"]["lime"]["mean_r2"] = {"value": 0.2, "n": 2}
    record["model"]["converged"] = False
    sentences = " ".join(limits(record))
    assert "ROC AUC is undefined: one class only." in sentences
    assert "tiny (7)" in sentences
    assert "explain only 20%" in sentences
    assert "before it converged" in sentences


def test_numbers_are_written_the_same_way_everywhere() -> None:
    assert number(-0.12345) == "−0.123"
    assert number(-0.0001) == "0.000"
    assert number(None) == "–"
    assert number(1234.5, 1) == "1,234.5"
    assert percent(0.1234) == "12.3 %"
    assert count(12345) == "12,345"
    assert threshold(0.26740) == "0.2674"
    assert interval({"lower": 0.1, "upper": 0.2}) == "[0.100, 0.200]"
    assert interval({"lower": 0.1, "upper": 0.2}, as_percent=True) == "[10.0, 20.0]"
    assert interval({"value": 1}) == ""


def test_the_favourable_rate_is_shown_where_it_is_not_the_selection_rate() -> None:
    assert "favourable_rate" in rates("negative")
    assert "favourable_rate" not in rates("positive")
