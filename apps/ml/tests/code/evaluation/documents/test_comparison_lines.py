from typing import Any

import pytest

from apps.ml.evaluation.documents.comparison_lines import ENDINGS, compared, comparison_lines, main_lines
from apps.ml.evaluation.documents.group_columns import group_columns
from apps.ml.evaluation.documents.words import COMPARISON_KINDS, COMPARISONS, MAIN_COMPARISONS, Words
from apps.ml.tests import small_evaluation

NO_LABELS = "there are no labels"


def measured(value: float | None, **more: Any) -> dict[str, Any]:
    return {"value": value, "n": 10, **({} if value is not None else {"undefined": NO_LABELS}), **more}


def test_a_difference_and_its_ratio_share_a_line() -> None:
    lines = comparison_lines(
        {
            "equal_opportunity_difference": measured(0.1, lowest="men", highest="women"),
            "equal_opportunity_ratio": measured(0.9),
            "demographic_parity_ratio": measured(0.8),
        }
    )
    assert list(lines) == ["Decisions", "Errors"]
    (decisions,), (errors,) = lines.values()
    assert (decisions.name, decisions.difference, decisions.ratio) == ("demographic parity", None, measured(0.8))
    assert (errors.name, errors.groups) == ("equal opportunity", ("men", "women"))
    assert errors.difference is not None
    assert errors.ratio is not None
    assert (errors.difference["value"], errors.ratio["value"]) == (0.1, 0.9)
    assert decisions.groups is None


def test_a_comparison_without_an_ending_is_a_difference() -> None:
    (line,) = comparison_lines({"abroca": measured(0.02)})["Scores"]
    assert (line.name, line.difference, line.ratio) == ("ABROCA", measured(0.02), None)


def test_every_comparison_of_a_record_stands_in_exactly_one_line() -> None:
    for assessed in small_evaluation.record()["fairness"].values():
        lines = [line for part in comparison_lines(assessed).values() for line in part]
        forms = [form for line in lines for form in (line.difference, line.ratio) if form is not None]
        assert len(forms) == len(set(COMPARISONS) & set(assessed))
        assert len({line.name for line in lines}) == len(lines)
        assert not any(line.name.endswith(("difference", "ratio")) for line in lines)


def test_lines_follow_the_order_of_their_kinds() -> None:
    assessed = small_evaluation.record()["fairness"]["sex"]
    assert list(comparison_lines(assessed)) == [kind for kind in COMPARISON_KINDS if kind in comparison_lines(assessed)]


def test_what_has_no_value_is_gathered_by_reason_and_keeps_out_of_the_table() -> None:
    found = compared(
        {
            "demographic_parity_difference": measured(0.1),
            "demographic_parity_ratio": measured(None),
            "accuracy_difference": measured(None),
            "accuracy_ratio": measured(None),
            "roc_auc_difference": {"value": None, "n": 0, "undefined": "one class only"},
        }
    )
    assert [line.name for part in found.kinds.values() for line in part] == ["demographic parity"]
    assert found.undefined == {NO_LABELS: ["accuracy"], "one class only": ["ROC AUC"]}


def test_nothing_is_lost_between_the_table_and_the_undefined() -> None:
    for assessed in small_evaluation.audit_record()["fairness"].values():
        found = compared(assessed)
        names = [line.name for part in found.kinds.values() for line in part]
        names += [name for part in found.undefined.values() for name in part]
        lines = [line.name for part in comparison_lines(assessed).values() for line in part]
        assert sorted(names) == sorted(lines)


def test_main_lines_are_those_of_the_main_comparisons_with_both_forms() -> None:
    assessed = small_evaluation.record()["fairness"]["sex"]
    stems = {next((key.removesuffix(end) for end in ENDINGS if key.endswith(end)), key) for key in MAIN_COMPARISONS}
    lines = main_lines(assessed)
    assert len(lines) == len(stems)
    assert next(line for line in lines if line.name == "equal opportunity").ratio is not None
    assert main_lines({}) == []


@pytest.mark.parametrize(
    ("values", "shown", "undefined"),
    [
        ((0.1, 0.2), ["rate"], {}),
        ((0.1, None), ["rate"], {}),
        ((None, None), [], {NO_LABELS: ["a rate"]}),
    ],
)
def test_a_measure_is_shown_where_any_group_has_it(
    values: tuple[float | None, ...], shown: list[str], undefined: dict[str, list[str]]
) -> None:
    groups = {f"group {at}": {"rate": measured(value)} for at, value in enumerate(values)}
    found = group_columns({"rate": Words("a rate", "of something"), "other": Words("other", "nobody has it")}, groups)
    assert (list(found.shown), found.undefined) == (shown, undefined)


def test_a_measure_that_is_undefined_for_different_reasons_stays_in_the_table() -> None:
    groups = {"a": {"rate": measured(None)}, "b": {"rate": {"value": None, "n": 0, "undefined": "nobody"}}}
    assert list(group_columns({"rate": Words("a rate", "of something")}, groups).shown) == ["rate"]
    assert group_columns({"rate": Words("a rate", "of something")}, {}).shown == {}
