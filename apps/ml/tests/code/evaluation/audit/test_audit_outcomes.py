import numpy as np
import pytest

from apps.ml.errors import BadInputError, DataError
from apps.ml.evaluation.audit.chunks import TextColumn
from apps.ml.evaluation.audit.outcome_column import OutcomeColumn
from apps.ml.evaluation.audit.outcome_words import OutcomeWords, canonical


def column(*values: str | None) -> TextColumn:
    found = list(dict.fromkeys(value for value in values if value is not None))
    return TextColumn(tuple(found), np.array([-1 if v is None else found.index(v) for v in values], dtype=np.int64))


def read(words: OutcomeWords, *values: str | None) -> OutcomeColumn:
    reader = OutcomeColumn("--label", "y", words)
    reader.read(column(*values), first_line=2)
    return reader


def problems(words: OutcomeWords, *values: str | None) -> list[str]:
    return [str(finding) for finding in read(words, *values).findings()]


@pytest.mark.parametrize(
    ("one", "other"), [("1", "1.0"), ("Yes", " yes "), ("0", "-0.0"), ("1e3", "1000"), (".5", "0.50")]
)
def test_values_are_the_same_whatever_their_case_blanks_and_way_of_writing_a_number(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(("one", "other"), [("1", "01x"), ("1.5", "1"), ("low", "lower"), ("nan", "0"), ("inf", "1")])
def test_other_values_stay_apart(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_by_default_1_true_and_yes_are_positive_and_favourable() -> None:
    words = OutcomeWords()
    assert words.favourable_side == "positive"
    reader = OutcomeColumn("--label", "y", words)
    assert reader.read(column("1", "0", "1", None), first_line=2).tolist() == [1, 0, 1, -1]
    assert reader.findings() == []
    assert reader.missing == 1
    assert reader.first_missing == 5


def test_prediction_and_label_may_use_different_words() -> None:
    words = OutcomeWords(positive=("Medium", "High", "1"), favourable=("Low", "0"))
    assert words.favourable_side == "negative"
    assert problems(words, "Low", "High", "Medium") == []
    assert problems(words, "0", "1") == []


@pytest.mark.parametrize("favourable", [("granted",), ("granted", "yes"), ()])
def test_favourable_values_among_the_positive_ones_make_the_event_favourable(favourable: tuple[str, ...]) -> None:
    assert OutcomeWords(positive=("granted", "yes"), favourable=favourable).favourable_side == "positive"


def test_one_further_value_is_the_other_outcome_where_none_is_known() -> None:
    assert problems(OutcomeWords(), "1", "2", "2") == []
    assert problems(OutcomeWords(positive=("granted",)), "granted", "refused") == []


def test_a_value_beside_both_outcomes_is_found_with_rows_and_line() -> None:
    (problem,) = problems(OutcomeWords(), "1", "0", "2", "2")
    assert "column 'y': 1 value is neither positive nor known to be negative, the first in line 4 (2 rows)" in problem
    assert "--negative" in problem


def test_several_further_values_are_not_lumped_together() -> None:
    (problem,) = problems(OutcomeWords(positive=("granted",)), "granted", "refused", "withdrawn", "pending")
    assert "3 values are not positive and not told apart, the first in line 3 (3 rows)" in problem
    assert "refused" not in problem
    several = OutcomeWords(positive=("granted",), negative=("refused", "withdrawn", "pending"))
    assert problems(several, "granted", "refused", "withdrawn", "pending") == []


def test_a_column_of_one_unknown_value_is_not_taken_for_the_other_outcome() -> None:
    (problem,) = problems(OutcomeWords(), "approved", "approved")
    assert "no row holds a positive value (2 rows)" in problem
    assert problems(OutcomeWords(), "0", "0") == []
    assert problems(OutcomeWords(), "1", "1") == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"positive": ("1",), "favourable": ("1", "0")}, "names some of the positive values and some others"),
        ({"positive": ("1", "x"), "negative": ("X",)}, "--positive and --negative share 1 of their values"),
    ],
)
def test_words_that_contradict_each_other_are_refused(words: dict[str, tuple[str, ...]], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        OutcomeWords(**words)


def test_probabilities_are_refused_with_the_cure() -> None:
    with pytest.raises(DataError, match=r"holds probabilities, not outcomes.*--score.*--threshold") as caught:
        read(OutcomeWords(), "0.25", "0.75", "1")
    assert "0.25" not in str(caught.value)


def test_a_value_between_0_and_1_is_not_taken_for_an_absence_unless_it_was_named() -> None:
    with pytest.raises(DataError, match="holds probabilities"):
        read(OutcomeWords(), "1", "0.5")
    assert problems(OutcomeWords(negative=("0.5",)), "1", "0.5") == []


def test_probabilities_spread_over_chunks_are_refused_too() -> None:
    reader = read(OutcomeWords(), "0", "1")
    with pytest.raises(DataError, match="holds probabilities"):
        reader.read(column("0.5", "1"), first_line=4)


def test_a_column_of_many_values_is_refused() -> None:
    with pytest.raises(DataError, match="more than 100 distinct values"):
        read(OutcomeWords(), *(f"word {number}" for number in range(101)))


def test_words_found_are_those_of_the_file() -> None:
    reader = read(OutcomeWords(positive=("medium", "high"), favourable=("low",)), "Medium", "Low", " High")
    assert reader.words_found(positive=True) == ["High", "Medium"]
    assert reader.words_found(positive=False) == ["Low"]
