from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.data.processed import ColumnSchema
from apps.ml.errors import DataError
from apps.ml.evaluation.explanations.coded_rows import coded_rule
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.reasons_given.reason_checks import faithfulness, mean_of, stability
from apps.ml.evaluation.explanations.reasons_given.reason_distribution import reasons_by_frequency, reasons_by_group
from apps.ml.evaluation.explanations.reasons_given.reason_words import reason_in_words, reasons_in_words
from apps.ml.evaluation.explanations.reasons_given.reasons import Reason, ReasonFinder, reason_finder
from apps.ml.evaluation.explanations.reasons_given.score_gains import (
    reference_pool,
    reference_values,
    score_gains,
    typical_values,
)
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.parameters import ModelEvaluation
from apps.ml.tests.small_decisions import (
    AGE,
    NAMES,
    PARAMETERS,
    SEX,
    log_odds,
    people,
    person,
    rule,
    score,
)

ALL_APPLICANTS = PARAMETERS.explanations.model_copy(update={"reason_method": "below_average_of_applicants"})


def finder_of(
    decided: DecisionRule | None = None, reference: pd.DataFrame | None = None, seed: int = 3
) -> ReasonFinder:
    found = reason_finder(
        decided or rule(), people(600, 2) if reference is None else reference, (SEX, AGE), ALL_APPLICANTS, seed
    )
    assert found is not None
    return found


def crossed_score(frame: pd.DataFrame) -> FloatArray:
    """A rule in which columns act together."""
    odds = log_odds(frame) + np.where((frame["owner"] == 1) & (frame["income"] < 40), -1.5, 0.0)
    odds += np.where(frame["debt"] < 10, -0.7, 0.0)
    return np.asarray(1 / (1 + np.exp(-odds)))


def test_a_gain_is_the_weight_times_the_distance_from_the_references_mean() -> None:
    reference = pd.concat([person(income=60.0, owner=1.0), person(income=80.0, owner=0.0)], ignore_index=True)
    found = finder_of(reference=reference).find(person(income=30.0))
    assert [one.column for one in found[0]] == ["income", "owner"]
    assert found[0][0].gain == pytest.approx(0.04 * (70 - 30))
    assert found[0][1].gain == pytest.approx(0.8 * 0.5)


@pytest.mark.parametrize("favourable", ["positive", "negative"])
def test_gains_agree_with_a_slow_loop_over_rows_columns_and_reference_values(favourable: str) -> None:
    decided = rule(crossed_score, favourable)  # type: ignore[arg-type]
    reference, rows = people(12, 5), people(9, 6)
    coded = coded_rule(decided, [reference, rows])
    found = score_gains(coded, coded.codes(rows), reference_values(coded.codes(reference)))
    sign = 1 if favourable == "positive" else -1
    for row in range(len(rows)):
        alone = rows.iloc[[row]]
        before = np.log(decided.score(alone)[0] / (1 - decided.score(alone)[0]))
        for position, name in enumerate(NAMES):
            changes = []
            for value in reference[name]:
                changed = alone.assign(**{name: pd.Series([value], index=alone.index, dtype=rows[name].dtype)})
                after = decided.score(changed)[0]
                changes.append(sign * (np.log(after / (1 - after)) - before))
            assert found.gain[row, position] == pytest.approx(np.mean(changes), abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(12)))
def test_reasons_of_a_row_do_not_depend_on_the_rows_around_it(order: list[int]) -> None:
    rows, finder = people(12, 8), finder_of()
    found = finder.find(rows)
    again = finder.find(rows.iloc[order])
    assert [again[order.index(row)] for row in range(12)] == list(found)
    assert finder.find(rows.iloc[[3]])[0] == found[3]


def test_no_sensitive_column_no_proxy_and_no_idle_column_is_ever_a_reason() -> None:
    found = finder_of().find(people(300, 9))
    given_columns = {reason.column for reasons in found for reason in reasons}
    assert given_columns == {"income", "debt", "owner", "grade"}


def test_only_what_counts_against_the_person_is_a_reason_and_at_most_as_many_as_asked_for() -> None:
    finder = replace(finder_of(), most=2)
    found = finder.find(people(300, 9))
    assert max(len(reasons) for reasons in found) == 2
    assert all(reason.gain > 0 for reasons in found for reason in reasons)
    assert all(reasons[0].gain >= reasons[1].gain >= 0.1 * reasons[0].gain for reasons in found if len(reasons) == 2)
    assert finder.find(person(income=500.0, debt=0.0, owner=1.0, grade="a")) == ((),)


def test_the_direction_of_a_reason_is_where_other_values_gain() -> None:
    rows = pd.concat([person(income=5.0), person(debt=60.0), person(grade="c"), person(income=np.nan)])
    found = [{one.column: one.direction for one in reasons} for reasons in finder_of().find(rows)]
    assert found[0]["income"] == "low"
    assert found[0]["owner"] == "low"
    assert found[1]["debt"] == "high"
    assert found[2]["grade"] == "category"
    assert "income" not in found[3]
    missing_is_bad = rule(lambda frame: np.where(frame["income"].isna(), 0.1, score(frame)))
    assert finder_of(missing_is_bad).find(person(income=np.nan))[0][0].direction == "missing"


def test_a_value_that_is_bad_on_both_sides_is_called_high_where_lower_ones_gain_more() -> None:
    def valley(frame: pd.DataFrame) -> FloatArray:
        return np.asarray(1 / (1 + np.exp(-(np.abs(frame["debt"] - 20) - 15) / 10)))

    reference = pd.concat([person(debt=value) for value in (0.0, 0.0, 0.0, 40.0)], ignore_index=True)
    assert finder_of(rule(valley), reference).find(person(debt=20.0))[0][0].direction == "high"


def test_where_the_event_is_bad_for_the_person_reasons_turn_around() -> None:
    harmful = rule(favourable="negative")
    found = {one.column: one.direction for one in finder_of(harmful).find(person(income=120.0, owner=1.0))[0]}
    assert found == {"income": "high", "owner": "high"}


def test_those_at_the_cut_off_are_the_favourably_decided_next_to_it() -> None:
    reference = people(1000, 4)
    coded = coded_rule(rule(threshold=0.6), [reference])
    codes = coded.codes(reference)
    pool = reference_pool(coded, codes, "below_average_at_cutoff")
    scores = coded.scores(codes)
    passing = np.sort(scores[scores >= 0.6])
    assert np.sort(scores[pool]).tolist() == passing[: int(np.ceil(0.2 * len(passing)))].tolist()
    assert len(reference_pool(coded, codes, "below_average_of_applicants")) == 1000
    harmful = coded_rule(rule(favourable="negative", threshold=0.6), [reference])
    below = scores[reference_pool(harmful, codes, "below_average_at_cutoff")]
    assert below.max() == scores[scores < 0.6].max()
    assert (below < 0.6).all()


def test_a_small_reference_gives_a_band_of_fifty_rows_and_an_empty_one_no_finder() -> None:
    reference = people(150, 4)
    coded = coded_rule(rule(), [reference])
    assert len(reference_pool(coded, coded.codes(reference), "below_average_at_cutoff")) == 50
    assert reason_finder(rule(threshold=1.1), reference, (SEX,), PARAMETERS.explanations, 1) is None


def test_a_reference_is_summarised_by_values_that_occur_with_their_shares() -> None:
    rows = np.column_stack([np.arange(100.0), np.repeat([0.0, 1.0, np.nan, np.nan], 25), np.full(100, np.nan)])
    found = reference_values(rows)
    assert found.values[0].tolist() == [3, 9, 15, 21, 28, 34, 40, 46, 53, 59, 65, 71, 78, 84, 90, 96]
    assert found.shares[0] == pytest.approx(np.full(16, 1 / 16))
    assert found.values[1][:2].tolist() == [0, 1]
    assert found.shares[1].tolist() == [0.25, 0.25, 0.5]
    assert found.shares[2].tolist() == [1.0]
    assert typical_values(rows, np.array([True, False, True]))[:2].tolist() == [49.0, 0.0]


def test_a_category_that_the_reference_never_had_is_not_taken_for_missing() -> None:
    open_columns = (ColumnSchema("job", "categorical"),)
    points = {"clerk": 0.2, "baker": 0.7, "diver": 0.4}
    decided = rule(
        lambda frame: frame["job"].map(points).astype("float64").fillna(0.01).to_numpy(), columns=open_columns
    )
    reference = pd.DataFrame({"job": pd.Series(["clerk", "baker"], dtype="str")})
    diver = pd.DataFrame({"job": pd.Series(["diver"], dtype="str")})
    finder = finder_of(decided, reference)
    odds = {name: np.log(value / (1 - value)) for name, value in points.items()}
    expected = (odds["clerk"] + odds["baker"]) / 2 - odds["diver"]
    ranked = finder.knowing(diver).rank(finder.knowing(diver).coded.codes(diver))
    assert ranked.gains.gain[0, 0] == pytest.approx(expected)
    with pytest.raises(DataError, match="column 'job' holds categories in 1 rows"):
        finder.coded.codes(diver)


def test_rows_without_an_input_column_are_refused_by_name() -> None:
    with pytest.raises(DataError, match="lack the columns debt, owner"):
        finder_of().find(people(3).drop(columns=["debt", "owner"]))


def test_frames_that_are_handed_in_stay_as_they_are() -> None:
    reference, rows = people(100, 1), people(20, 2)
    before = reference.copy(), rows.copy()
    finder_of(reference=reference).find(rows)
    pd.testing.assert_frame_equal(reference, before[0])
    pd.testing.assert_frame_equal(rows, before[1])


def test_coded_rows_turn_back_into_the_typed_frame() -> None:
    rows = people(50, 3)
    coded = coded_rule(rule(), [rows])
    back = coded.frame(coded.codes(rows))
    pd.testing.assert_frame_equal(back, rows)


@pytest.mark.parametrize(
    ("direction", "column", "words"),
    [
        ("low", ColumnSchema("a_b", "numeric", reason_low="x", reason_high="y", reason="z"), "x"),
        ("high", ColumnSchema("a_b", "numeric", reason_low="x", reason_high="y", reason="z"), "y"),
        ("high", ColumnSchema("a_b", "numeric", reason_low="x", reason="z"), "z"),
        ("high", ColumnSchema("a_b", "numeric", reason_low="x"), "a b is too high"),
        ("low", ColumnSchema("a-b", "boolean"), "a b: no"),
        ("high", ColumnSchema("a-b", "boolean"), "a b: yes"),
        ("category", ColumnSchema("a_b", "categorical", reason="z"), "z"),
        ("category", ColumnSchema("a_b", "categorical"), "a b as stated"),
        ("missing", ColumnSchema("a_b", "numeric", reason="z"), "a b is not stated"),
    ],
)
def test_words_are_the_declared_ones_of_the_direction_or_plain(
    direction: str, column: ColumnSchema, words: str
) -> None:
    assert reason_in_words(Reason(column.name, direction, 1.0), column) == words  # type: ignore[arg-type]


def test_equal_words_are_said_once_and_no_value_is_told() -> None:
    columns = (ColumnSchema("a", "numeric", reason="the debts"), ColumnSchema("b", "numeric", reason="the debts"))
    assert reasons_in_words([Reason("a", "low", 2.0), Reason("b", "high", 1.0)], columns) == ["the debts"]
    rows = people(200, 12)
    decided = rule()
    for reasons, values in zip(finder_of().find(rows), rows.to_dict("records"), strict=True):
        text = " ".join(reasons_in_words(reasons, decided.columns))
        assert not any(character.isdigit() for character in text)
        assert f" {values['grade']} " not in f" {text} ".replace(" a ", " ")


def test_faithfulness_is_what_typical_values_do_to_the_score() -> None:
    reference = pd.concat([person(income=70.0), person(income=70.0), person(income=71.0)], ignore_index=True)
    finder = finder_of(reference=reference)
    rows = pd.concat([person(income=20.0), person(income=30.0)], ignore_index=True)
    codes = finder.coded.codes(rows)
    found = faithfulness(finder, codes, finder.rank(codes), 0.95, 1)
    moves = score(rows.assign(income=70.0)) - score(rows)
    assert found["first_reason"]["mean_move"]["value"] == pytest.approx(moves.mean())
    assert found["first_reason"]["share_moved"]["value"] == 1.0
    assert found["random_other"]["mean_move"]["value"] == 0.0
    assert found["difference"]["mean_move"]["value"] == pytest.approx(moves.mean())
    assert found["all_reasons"]["share_decided_favourably"]["value"] == 1.0


def test_first_reasons_move_scores_further_than_other_columns() -> None:
    rows = people(300, 11)
    rows = rows[~rule().is_favourable(rows)]
    finder = finder_of()
    codes = finder.coded.codes(rows)
    found = faithfulness(finder, codes, finder.rank(codes), 0.95, 1)
    assert found["difference"]["mean_move"]["lower"] > 0.05
    assert found["first_reason"]["share_moved"]["value"] > found["random_other"]["share_moved"]["value"]


def test_faithfulness_without_any_reason_is_undefined() -> None:
    finder = finder_of(rule(lambda frame: np.full(len(frame), 0.2)))
    codes = finder.coded.codes(people(10))
    found = faithfulness(finder, codes, finder.rank(codes), 0.95, 1)
    assert "no examined row has a reason" in found["first_reason"]["mean_move"]["undefined"]
    assert found["all_reasons"]["share_decided_favourably"]["value"] is None


def test_where_only_one_column_may_be_given_there_is_no_other_to_compare_with() -> None:
    finder = finder_of()
    finder = replace(finder, may_be_given=np.array([name == "income" for name in NAMES]))
    codes = finder.coded.codes(people(50))
    found = faithfulness(finder, codes, finder.rank(codes), 0.95, 1)
    assert found["random_other"]["mean_move"]["value"] is None
    assert found["difference"]["mean_move"]["undefined"] == "no other column may be given"
    assert found["first_reason"]["mean_move"]["value"] > 0


def test_reasons_are_stable_where_every_reference_row_is_alike_and_nearly_so_elsewhere() -> None:
    rows = people(80, 3)
    alike = finder_of(reference=pd.concat([person(income=90.0, owner=1.0)] * 20, ignore_index=True))
    same = stability(alike, alike.coded.codes(rows), alike.rank(alike.coded.codes(rows)), 0.95, 1)
    assert same["mean_jaccard"]["value"] == same["first_agrees"]["value"] == 1.0
    usual = finder_of()
    codes = usual.coded.codes(rows)
    found = stability(usual, codes, usual.rank(codes), 0.95, 1)
    assert 0.7 < found["mean_jaccard"]["value"] < 1.0


def test_a_mean_has_the_t_interval_and_needs_two_values() -> None:
    found = mean_of(np.array([0.1, 0.3, np.nan]), 0.95, "nobody")
    assert found.value == pytest.approx(0.2)
    assert found.n == 2
    assert found.lower == -1.0
    assert found.upper == 1.0
    assert mean_of(np.array([0.1]), 0.95, "nobody").undefined == "a mean of one row has no spread"
    assert mean_of(np.array([]), 0.95, "nobody").undefined == "nobody"


ORDER = np.array([[0, 1], [0, -1], [1, 0], [-1, -1]], dtype=np.intp)


def test_columns_are_counted_as_first_reason_and_at_all() -> None:
    found = reasons_by_frequency(ORDER, ("a", "b", "c"), 0.95)
    assert [(one["column"], one["first"]["numerator"], one["given"]["numerator"]) for one in found] == [
        ("a", 2, 3),
        ("b", 1, 2),
    ]


def judging(size: int) -> ModelEvaluation:
    return PARAMETERS.model_copy(update={"minimum_group_size": size})


def test_the_distance_between_two_groups_first_reasons_is_half_the_sum_of_gaps() -> None:
    groups = pd.DataFrame({"sex": ["f", "f", "m", "m"]})
    found = reasons_by_group(ORDER, groups, ("a", "b", "c"), judging(2))["sex"]
    assert found["groups"]["f"]["first_reasons"][0]["share"]["value"] == 1.0
    assert found["groups"]["m"]["without_reason"]["value"] == 0.5
    assert found["difference"]["value"] == 1.0
    assert found["difference"]["between"] == ["f", "m"]
    assert 0.2 < found["difference"]["p_value"] < 0.55  # 2 of 6 divisions part {a, a} from {b, none}


def test_groups_with_other_reasons_differ_more_than_chance_and_alike_groups_do_not() -> None:
    random = np.random.default_rng(5)
    sex = random.choice(["f", "m"], 300)
    names = pd.DataFrame({"sex": sex})
    alike = reasons_by_group(random.integers(0, 3, (300, 1)), names, ("a", "b", "c"), judging(30))["sex"]
    shifted = np.where(sex == "f", 0, random.integers(0, 3, 300))[:, None]
    other = reasons_by_group(shifted, names, ("a", "b", "c"), judging(30))["sex"]
    assert other["difference"]["p_value"] < 0.02
    assert other["difference"]["value"] > 3 * other["difference"]["expected_by_chance"]
    assert alike["difference"]["p_value"] > 0.05


def test_small_and_unknown_groups_are_shown_and_not_judged() -> None:
    groups = pd.DataFrame({"sex": ["f", "f", "unknown", "unknown"], "all": ["x"] * 4})
    found = reasons_by_group(ORDER, groups, ("a", "b", "c"), judging(2))
    assert [found["sex"]["groups"][name]["judged"] for name in ("f", "unknown")] == [True, False]
    assert found["sex"]["difference"]["undefined"] == "fewer than two groups are judged"
    assert found["all"]["difference"]["value"] is None


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_renaming_groups_changes_names_alone(seed: int) -> None:
    random = np.random.default_rng(seed)
    order, sex = random.integers(-1, 3, (60, 1)), random.choice(["f", "m"], 60)
    renamed = pd.DataFrame({"sex": np.where(sex == "f", "x", "y")})
    one = reasons_by_group(order, pd.DataFrame({"sex": sex}), ("a", "b", "c"), judging(2))["sex"]["difference"]
    other = reasons_by_group(order, renamed, ("a", "b", "c"), judging(2))["sex"]["difference"]
    assert one["value"] == other["value"]
    assert one["p_value"] == other["p_value"]
