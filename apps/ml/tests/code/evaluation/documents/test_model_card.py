import re

import pytest

from apps.ml.errors import BadInputError
from apps.ml.evaluation.documents.markdown import escape_markdown, held_together, measured, rate, table
from apps.ml.evaluation.documents.model_card import render_model_card
from apps.ml.tests import small_evaluation


@pytest.fixture(scope="module")
def card() -> str:
    return render_model_card(small_evaluation.record())


def test_the_card_has_every_section(card: str) -> None:
    headings = re.findall(r"^## (.+)$", card, flags=re.MULTILINE)
    assert headings == [
        *("Model", "Intended use", "Policy", "Data", "Performance", "Fairness", "Reasons", "Explanation"),
        *("Against the truth", "Limits"),
    ]
    assert re.findall(r"^### (.+)$", card, flags=re.MULTILINE) == ["Known faults", "sex", "place"]


def test_the_card_names_the_evidence_it_was_rendered_from(card: str) -> None:
    assert small_evaluation.record()["digest"] in card
    assert render_model_card(small_evaluation.record()) == card


def test_every_table_row_has_as_many_cells_as_its_head(card: str) -> None:
    tables = re.findall(r"(?:^\|.*\|\n)+", card, flags=re.MULTILINE)
    assert len(tables) == 1 + 2 * 5 + 1 + 1 + 1
    for lines in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines.splitlines()}) == 1


def test_names_are_escaped_for_markdown_and_html(card: str) -> None:
    assert "<script>" not in card
    assert "&lt;b&gt;women&lt;/b&gt; &amp; girls" in card
    assert r"men \| boys" in card
    assert escape_markdown("a\n# [b](c) `d` *e*") == r"a \# \[b\](c) \`d\` \*e\*"


def test_undefined_is_written_with_its_reason_and_small_groups_with_theirs(card: str) -> None:
    assert "undefined: " in card
    assert "tiny (not judged: 7 rows are fewer than the minimum group size of 30)" in card
    assert measured({"value": None, "n": 0, "undefined": "a|b"}) == r"undefined: a\|b"


def test_measurements_are_written_with_their_interval() -> None:
    content = {"value": 0.5, "n": 10, "lower": 0.25, "upper": 0.75}
    assert measured(content) == "0.500 [0.250, 0.750]"
    assert rate(content) == "50.0 % [25.0, 75.0]"
    assert measured({"value": 0.5, "n": 10}) == "0.500"


def test_a_card_without_contributions_and_truth_says_so() -> None:
    record = small_evaluation.record()
    record["truth"] = {}
    record["explainability"]["undefined"] = "they do not add up"
    text = render_model_card(record)
    assert "Undefined: they do not add up." in text
    assert "Against the truth" not in text


def test_comparisons_name_the_groups_and_the_interval_that_holds_together(card: str) -> None:
    found = small_evaluation.record()["fairness"]["place"]["demographic_parity_ratio"]
    line = next(line for line in card.splitlines() if line.startswith("| demographic parity ratio | 0.331"))
    assert f"| {held_together(found)} | &lt;none&gt; | city |" in line
    assert held_together({"value": 1.0, "n": 3}) == "–"


def test_reference_condition_and_persons_are_shown(card: str) -> None:
    assert "Compared with “city”, with sign:" in card
    assert "| region &lt;&amp;&gt; place | 0.399 [" in card
    assert "| counterfactual flip rate |" in card
    assert "Declared proxies among the inputs: region &lt;&amp;&gt; place (of place)" in card


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("_unknown_", r"\_unknown\_"),
        ("sex_race", "sex_race"),
        ("~~gone~~", r"\~\~gone\~\~"),
        ("1. first", r"1\. first"),
        ("- a list", r"\- a list"),
        ("---", r"\---"),
        ("+ more", r"\+ more"),
        ("-5 to 3.5", "-5 to 3.5"),
        (
            "left\u202eright\x1b[0m\x00",
            "left\N{REPLACEMENT CHARACTER}right\N{REPLACEMENT CHARACTER}\\[0m\N{REPLACEMENT CHARACTER}",
        ),
        ("two\x85lines\u2028three", "two lines three"),
    ],
)
def test_no_text_starts_a_list_emphasis_or_another_direction(text: str, written: str) -> None:
    assert escape_markdown(text) == written


def test_a_card_says_what_positive_and_selected_mean_and_declares_no_user() -> None:
    record = small_evaluation.record()
    assert "and *selected* if it was decided “pays &gt; 90 %”." in render_model_card(record)
    record["decision"]["favourable"] = "negative"
    text = render_model_card(record)
    assert "and *selected* if it was decided “pays &gt; 90 %”, which is unfavourable for the person." in text
    assert "The record declares no other use" in text


def test_a_card_says_why_ways_to_the_favourable_decision_are_undefined() -> None:
    record = small_evaluation.record()
    record["explainability"]["counterfactuals"] = {"undefined": "no column may be changed"}
    assert "Ways to the favourable decision are undefined: no column may be changed." in render_model_card(record)


def test_a_card_without_reasons_says_so() -> None:
    record = small_evaluation.record()
    record["explainability"]["reasons"] = {"undefined": "no row is decided unfavourably"}
    assert "Undefined: no row is decided unfavourably." in render_model_card(record)
    del record["explainability"]["reasons"], record["explainability"]["counterfactuals"]
    text = render_model_card(record)
    assert "No reasons of unfavourable decisions are in the record." in text
    assert "Ways to the favourable decision" not in text


def test_decisions_without_a_model_have_no_model_card() -> None:
    with pytest.raises(BadInputError, match="no model card"):
        render_model_card(small_evaluation.audit_record())


def test_a_table_without_rows_is_nothing() -> None:
    assert table(("a", "b"), []) == ""
    assert table(("a", "b"), [("|", 1)], numbers=(1,)) == "| a | b |\n| --- | ---: |\n| \\| | 1 |"
