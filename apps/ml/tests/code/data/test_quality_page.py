import re
from html.parser import HTMLParser
from typing import Any

from apps.ml.data.preparation import prepare
from apps.ml.data.quality_page import count, number, percent, quality_page
from apps.ml.parameters import DataProcessing
from apps.ml.tests.clinic_visits import declaration, raw, visits, with_column, with_values

VOID = {"meta", "br", "rect", "link", "img", "input", "hr"}


class Outline(HTMLParser):
    """Records tags with their attributes and whether every opened one is closed in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def page(frame: Any = None, **changes: Any) -> str:
    declared = declaration(**changes)
    prepared = prepare(
        declared, raw(visits() if frame is None else frame), DataProcessing(dataset="clinic_visits", seed=1)
    )
    return quality_page(declared, prepared.quality)


def outline_of(html: str) -> Outline:
    outline = Outline()
    outline.feed(html)
    return outline


def test_the_page_is_well_formed_and_asks_for_nothing_from_elsewhere() -> None:
    html = page()
    outline = outline_of(html)
    assert outline.open == []
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in outline.tags}
    assert re.findall(r"https?://|url\(|@import", html) == []


def test_tables_and_drawings_can_be_read_aloud() -> None:
    tags = outline_of(page()).tags
    assert [tag for tag, _ in tags].count("table") == [tag for tag, _ in tags].count("caption") > 0
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in tags if tag == "th")
    assert all(attributes.get("aria-label") for tag, attributes in tags if tag == "svg")


def test_every_column_group_and_promise_is_on_the_page() -> None:
    html = page()
    for name in (*declaration().columns, "women × 30-59", "unknown × &lt;30", "whole numbers without separators"):
        assert name in html


def test_text_of_the_declaration_cannot_break_the_page() -> None:
    html = page(title="<script>alert(1)</script>", leave_out={"ward": "a & b < c"})
    assert "<script>" not in html
    assert "a &amp; b &lt; c" in html


def test_filters_quarantine_and_known_faults_are_told() -> None:
    html = page(
        with_values("age", {4: "x"}),
        quarantine={"at_most": 0.1},
        filters=[{"column": "ward", "is_not": "east", "reason": "the ward was closed"}],
        known_faults=["Visits of March are lost."],
    )
    for said in ("ward: the ward was closed", "age: unreadable", "further rows", "Visits of March are lost."):
        assert said in html


def test_an_empty_column_that_is_left_out_has_no_drawing() -> None:
    frame = visits().assign(distance=None).astype("str")
    html = page(frame, columns=with_column("distance", missing_at_most=1.0), leave_out={"distance": "never filled in"})
    assert "Histogram of age" in html
    assert "Histogram of distance" not in html


def test_numbers_are_written_for_people() -> None:
    assert count(1234567) == "1\u202f234\u202f567"
    assert [number(value) for value in (0.123456, -1234.56, 40.0, None)] == ["0.1235", "-1\u202f235", "40", "–"]
    assert [percent(share) for share in (0.6531, None)] == ["65.3\u202f%", "–"]
