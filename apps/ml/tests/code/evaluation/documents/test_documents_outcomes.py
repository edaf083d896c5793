import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.evaluation.documents import four_fifths
from apps.ml.evaluation.documents.four_fifths import finding, render_four_fifths
from apps.ml.evaluation.documents.ll144 import kind_of, render_ll144
from apps.ml.evaluation.documents.outcomes import outcomes, ratios_to_highest, scoring_ratios
from apps.ml.tests import small_evaluation


def counted(groups: dict[str, tuple[int, int]], favourable: str = "positive") -> dict[str, Any]:
    """A record whose attribute `sex` has these groups: name → (decided 1, decided 0)."""
    record = small_evaluation.audit_record(favourable="positive")
    record["decision"]["favourable"] = favourable
    record["counts"]["sex"] = {
        "groups": list(groups),
        "labelled": False,
        "counts": [[[zeros, ones], [0, 0]] for ones, zeros in groups.values()],
    }
    told = {name: {"n": ones + zeros, "judged": True} for name, (ones, zeros) in groups.items()}
    record["fairness"]["sex"] = {"groups": told}
    record["data"]["attributes"] = [{"name": "sex", "columns": ["sex"], "groups": list(groups)}]
    return record


def rows_of(text: str, head: str) -> dict[str, list[str]]:
    """Cells of a table by the first cell of the row."""
    table = text[text.index(head) :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table]
    return {row[0]: row[1:] for row in cells}


def test_numbers_rates_and_impact_ratios_are_those_that_one_reckons_by_hand() -> None:
    record = counted({"female": (40, 60), "male": (50, 50), "unknown": (3, 1)})
    found = {one.name: one for one in outcomes(record, "sex")}
    assert [(one.persons, one.selected, one.rate.value) for one in found.values()] == [
        *((100, 40, 0.4), (100, 50, 0.5), (4, 3, 0.75)),
    ]
    assert found["unknown"].unknown
    ratios = ratios_to_highest(record, "sex", ["female", "male"], 0.95)
    assert ratios["female"].value == pytest.approx(0.8)
    assert ratios["male"].value == 1.0


def test_selection_is_the_favourable_outcome_even_if_that_is_the_absence_of_the_event() -> None:
    record = counted({"female": (10, 90), "male": (5, 95)}, favourable="negative")
    assert [one.selected for one in outcomes(record, "sex")] == [90, 95]
    cells = rows_of(render_ll144(record), "| Category |")
    assert cells["female"][3].startswith("0.947")


def test_a_group_without_persons_and_nobody_selected_are_undefined_with_the_reason() -> None:
    text = render_ll144(counted({"female": (0, 50), "male": (0, 60), "other": (0, 0)}))
    cells = rows_of(text, "| Category |")
    assert cells["other"][2] == "undefined: there are no persons"
    assert cells["female"][3].startswith("undefined: favourable rate is 0")


def test_the_local_law_table_needs_no_labels_and_counts_the_unknown_apart() -> None:
    text = render_ll144(small_evaluation.audit_record())
    assert "undefined" not in text
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == [
        *("What was audited", "Sex", "Race and ethnicity", "Sex crossed with race and ethnicity"),
    ]
    race = rows_of(text[text.index("## Race") :], "| Category |")
    assert "unknown" not in race
    unknown = int((small_evaluation.audited_groups()["race"] == "unknown").sum())
    assert f"Persons whose category is unknown, not in the table: {unknown}." in text


def test_a_category_under_two_percent_is_shown_and_left_out_of_the_ratio() -> None:
    text = render_ll144(small_evaluation.audit_record())
    race = rows_of(text[text.index("## Race") :], "| Category |")
    assert race["Rare"][:2] == ["9", "3"]
    assert race["Rare"][3] == "left out: under 2 %"
    assert "Left out of the impact ratio: Rare." in text
    tiny_but_best = counted({"female": (50, 450), "male": (40, 460), "other": (9, 0)})
    cells = rows_of(render_ll144(tiny_but_best), "| Category |")
    assert cells["female"][3].startswith("1.000")
    assert cells["other"][3] == "left out: under 2 %"


def test_scoring_rates_are_shown_where_scores_are_and_a_high_score_is_favourable() -> None:
    with_scores = render_ll144(small_evaluation.audit_record(scores=True))
    race = rows_of(with_scores[with_scores.index("## Race") :], "| Category |")
    groups = small_evaluation.audit_record(scores=True)["fairness"]["race"]["groups"]
    highest = max(groups[name]["scoring_rate"]["value"] for name in ("Asian", "Black", "White | <b>other</b>"))
    ratio = groups["Black"]["scoring_rate"]["value"] / highest
    assert re.fullmatch(rf"{ratio:.3f} \[0\.\d{{3}}, [01]\.\d{{3}}\]", race["Black"][5])
    assert race["Rare"][5] == "left out: under 2 %"
    unfavourable = render_ll144(small_evaluation.audit_record(True, True, True, "negative"))
    assert "| Scoring rate |" not in unfavourable
    assert "Persons are weighted" in unfavourable
    assert "Scoring rates are not shown: a high score is unfavourable here" in unfavourable
    assert "Scoring rates are not shown: no scores were at hand." in render_ll144(small_evaluation.audit_record())


def test_scoring_ratios_of_weighted_persons_have_no_interval_and_undefined_ones_a_reason() -> None:
    record = small_evaluation.audit_record(True, True, True)
    groups = record["fairness"]["sex"]["groups"]
    ratios = scoring_ratios(record, "sex", ["female", "male"], 0.95)
    highest = max(groups[name]["scoring_rate"]["value"] for name in ratios)
    for name, found in ratios.items():
        assert found.value == pytest.approx(groups[name]["scoring_rate"]["value"] / highest)
        assert (found.lower, found.upper) == (None, None)
    alone = small_evaluation.audit_record(scores=True)
    for name in ("female", "male"):
        alone["fairness"]["sex"]["groups"][name]["scoring_rate"] |= {"value": 0.0, "numerator": 0}
    cells = rows_of(render_ll144(alone), "| Category |")
    assert cells["female"][5] == "undefined: scoring rate is 0 in every judged group, so the ratio is 0 / 0"


def test_who_was_audited_is_said_and_what_was_not_checked() -> None:
    assert "Persons audited: 300, the test rows of the data set" in render_ll144(small_evaluation.record())
    text = render_ll144(small_evaluation.audit_record())
    assert "Persons audited: 800, the rows of the file" in text
    assert "EEO Component 1 report: whether these are the same was not checked." in text
    assert "as §5-301(d) permits" in text
    assert "kind of source: audited file" in text
    assert "Known fault of the data: &lt;script&gt;" in render_ll144(small_evaluation.record())


def test_a_ratio_reads_as_under_four_fifths_exactly_where_it_is() -> None:
    cells = rows_of(render_four_fifths(counted({"female": (3999, 6001), "male": (5000, 5000)})), "| Group |")
    assert cells["female"][3].startswith("0.7998 [")
    assert cells["female"][6].startswith("under four-fifths") or cells["female"][6].startswith("adverse impact")


def test_a_p_value_reads_as_significant_exactly_where_it_is() -> None:
    assert four_fifths._p_value(0.0496, 0.05) == "0.0496"
    assert four_fifths._p_value(0.05, 0.05) == "0.050"
    assert four_fifths._p_value(0.0004, 0.05) == "under 0.001"
    assert four_fifths._p_value(0.0004, 0.0003) == "0.0004"


@pytest.mark.parametrize(
    ("name", "columns", "kind"),
    [
        ("sex", ["sex"], "sex"),
        ("Gender", ["g"], "sex"),
        ("x", ["applicant_gender"], "sex"),
        ("race", ["race"], "race"),
        ("ethnic_group", ["c1"], "race"),
        ("sex_race", ["sex", "race"], "intersection"),
        ("both", ["gender", "ethnicity"], "intersection"),
        ("sex_age", ["sex", "age"], "other"),
        ("three", ["sex", "race", "age"], "other"),
        ("sussex", ["county"], "other"),
        ("age", ["age"], "other"),
    ],
)
def test_sex_and_race_are_recognised_by_their_declared_names(name: str, columns: list[str], kind: str) -> None:
    assert kind_of({"name": name, "columns": columns}) == kind


def test_what_the_law_asks_for_and_is_not_there_is_said() -> None:
    text = render_ll144(small_evaluation.record())
    assert "No attribute is named after race or ethnicity." in text
    assert "Sex is not crossed with race and ethnicity." in text
    assert "## Other attributes" in text


def test_rows_that_were_made_up_are_no_audit_of_a_tool_in_use() -> None:
    record = small_evaluation.record()
    record["data"]["source_kind"] = "generator"
    assert "is no audit of a tool in use" in render_ll144(record)


def test_the_signer_fills_the_date_or_it_is_handed_in() -> None:
    assert "Date of the audit: ____" in render_ll144(small_evaluation.audit_record())
    assert "Date of the audit: 2026-02-01" in render_ll144(small_evaluation.audit_record(), "2026-02-01")


@pytest.mark.parametrize(
    ("below", "p_value", "one_person", "said"),
    [
        (False, 0.5, False, four_fifths.NO_IMPACT),
        (False, 0.01, False, four_fifths.SIGNIFICANT_ONLY),
        (True, 0.5, False, four_fifths.CHANCE),
        (True, 0.05, False, four_fifths.IMPACT),
        (True, 0.01, True, four_fifths.ONE_PERSON),
        (True, 0.01, None, four_fifths.IMPACT),
    ],
)
def test_the_finding_follows_from_ratio_significance_and_the_single_person(
    below: bool, p_value: float, one_person: bool | None, said: str
) -> None:
    held = {"below": below, "p_value": p_value}
    assert finding(held | ({} if one_person is None else {"one_person_decides": one_person}), 0.05) == said


def test_the_four_fifths_table_names_who_is_compared_and_who_is_not_judged() -> None:
    record = counted({"female": (30, 70), "male": (50, 50), "few": (1, 9), "unknown": (10, 40)})
    cells = rows_of(render_four_fifths(record), "| Group |")
    assert cells["male"][6] == "highest rate"
    assert cells["female"][6] == "adverse impact indicated (against male)"
    assert cells["female"][3].startswith("0.600 [")
    assert cells["female"][4] == "0.004 (pooled two-proportion z-test)"
    assert cells["female"][5] == "no"
    assert cells["few"][6] == "not judged: under 30 persons"
    assert cells["unknown"][6] == "not judged: group unknown"


def test_one_person_who_decides_leaves_the_finding_open() -> None:
    cells = rows_of(render_four_fifths(counted({"female": (239, 361), "male": (300, 300)})), "| Group |")
    assert cells["female"][5] == "yes"
    assert cells["female"][6] == "under four-fifths, but one person decides it: undecided (against male)"


def test_one_judged_group_is_not_comparable() -> None:
    cells = rows_of(render_four_fifths(counted({"female": (30, 70), "few": (1, 9)})), "| Group |")
    assert cells["female"][6] == "not comparable"
    assert cells["female"][3].startswith("undefined: ")


def test_weighted_persons_have_a_p_value_and_no_single_person_decides() -> None:
    text = render_four_fifths(small_evaluation.audit_record(labels=True, scores=True, weights=True))
    assert "Persons are weighted" in text
    assert "not for weighted persons" in text


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=2, max_size=4),
    st.integers(2, 5),
)
def test_impact_ratios_do_not_depend_on_how_often_the_same_persons_are_counted(
    sizes: list[tuple[int, int]], times: int
) -> None:
    names = [f"group {at}" for at in range(len(sizes))]
    once = counted(dict(zip(names, sizes, strict=True)))
    often = counted({name: (times * ones, times * zeros) for name, (ones, zeros) in zip(names, sizes, strict=True)})
    one, other = (ratios_to_highest(record, "sex", names, 0.95) for record in (once, often))
    shares = {name: ones / (ones + zeros) for name, (ones, zeros) in zip(names, sizes, strict=True)}
    for name in names:
        assert one[name].value == pytest.approx(other[name].value)
        assert one[name].value == pytest.approx(shares[name] / max(shares.values()))
