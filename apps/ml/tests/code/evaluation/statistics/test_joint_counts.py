import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.errors import BadInputError, DataError
from apps.ml.evaluation.statistics.counting import cell_sums
from apps.ml.evaluation.statistics.counting.counts import count
from apps.ml.evaluation.statistics.counting.joint_counts import JointCounts, count_jointly
from apps.ml.evaluation.statistics.counting.joint_counts_file import read_joint_counts, write_joint_counts
from apps.ml.evaluation.statistics.counting.score_table import SCORE_UNIT

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["f", "m", None]),
        st.sampled_from("xyz"),
        st.integers(0, 1),
        st.integers(0, 1),
        st.floats(0.0, 1.0),
        st.integers(1, 8),
    ),
    min_size=1,
    max_size=50,
)
Row = tuple[str | None, str, int, int, float, int]


def framed(rows: list[Row]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["sex", "race", "label", "decision", "score", "weight"])
    return frame.astype({"label": int, "decision": int, "score": float, "weight": float})


def counted(frame: pd.DataFrame, **without: Any) -> JointCounts:
    columns = {"labels": frame["label"], "scores": frame["score"], "weights": frame["weight"]} | without
    return count_jointly(frame["decision"], frame[["sex", "race"]], **columns, score_bins=10)


def two_by_two() -> JointCounts:
    return count_jointly(
        [1, 1, 0, 0],
        pd.DataFrame({"sex": ["f", "f", "m", "m"], "race": ["x", "x", "x", "y"]}),
        labels=[1, 1, 0, 1],
        scores=[0.75, 0.5, 0.25, 1.0],
        weights=[1.0, 2.0, 3.0, 4.0],
        score_bins=2,
    )


def test_rows_that_agree_in_everything_share_a_cell() -> None:
    joint = two_by_two()
    assert joint.attributes == ("sex", "race")
    assert joint.groups == (("f", "m"), ("x", "y"))
    assert joint.cells.tolist() == [[0, 0, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 1, 0, 1]]
    assert joint.sums.rows.tolist() == [2, 1, 1]
    assert joint.sums.weights is not None
    assert joint.sums.weights.tolist() == [3.0, 3.0, 4.0]
    assert joint.sums.squares is not None
    assert joint.sums.squares.tolist() == [5.0, 9.0, 16.0]
    assert joint.sums.scores is not None
    assert (joint.sums.scores / SCORE_UNIT).tolist() == [1.25, 0.25, 1.0]
    assert joint.rows == 4
    assert joint.weighted


def test_the_table_of_an_attribute_and_of_an_intersection_are_sums_over_the_cells() -> None:
    joint = two_by_two()
    assert joint.table("sex").counts.tolist() == [[[0, 0], [0, 2]], [[1, 0], [1, 0]]]
    crossed = joint.table("sex", "race")
    assert crossed.groups == ("f × x", "m × x", "m × y")
    assert crossed.mass.tolist() == [[[0, 0], [0, 3]], [[3, 0], [0, 0]], [[0, 0], [4, 0]]]


def test_scores_are_counted_by_group_label_and_step() -> None:
    scores = two_by_two().scores("sex")
    assert scores.rows.tolist() == [[[0, 0], [0, 2]], [[1, 0], [0, 1]]]
    assert (scores.score_sums / SCORE_UNIT).tolist() == [[[0, 0], [0, 1.25]], [[0.25, 0], [0, 1.0]]]


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_every_table_is_what_grouping_the_rows_gives(rows: list[Row]) -> None:
    frame = framed(rows)
    joint = counted(frame)
    known = frame.assign(sex=frame["sex"].fillna("unknown"))
    for names in (["sex"], ["race"], ["sex", "race"]):
        table = joint.table(*names)
        by = known.groupby([*names, "label", "decision"])["weight"]
        parts: list[tuple[Any, Any]] = list(by)
        for key, weights in parts:
            group = " × ".join(str(part) for part in key[: len(names)])
            at = table.groups.index(group)
            label, decision = int(key[-2]), int(key[-1])
            assert table.counts[at, label, decision] == len(weights)
            assert table.mass[at, label, decision] == weights.sum()
            assert table.squares is not None
            assert table.squares[at, label, decision] == (weights**2).sum()
        assert table.rows == len(frame)


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_the_table_of_one_attribute_is_what_counting_it_alone_gives(rows: list[Row]) -> None:
    frame = framed(rows)
    alone = count(frame["label"], frame["decision"], frame["sex"])
    assert counted(frame, weights=None).table("sex") == alone


@settings(max_examples=50, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows: list[Row], random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert counted(framed(shuffled)) == counted(framed(rows))


@settings(max_examples=50, deadline=None)
@given(ROWS, st.integers(0, 50))
def test_the_counts_of_any_two_parts_merge_to_those_of_the_whole(rows: list[Row], cut: int) -> None:
    whole = counted(framed(rows))
    first, second = counted(framed(rows[:cut])), counted(framed(rows[cut:]))
    assert first.merge(second).reordered(whole.groups) == whole
    assert second.merge(first).reordered(whole.groups) == whole


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_an_intersection_is_the_cross_table_of_its_attributes(rows: list[Row]) -> None:
    frame = framed(rows)
    crossed = counted(frame).table("race", "sex")
    expected = pd.crosstab(frame["race"], frame["sex"].fillna("unknown"))
    found = dict(zip(crossed.groups, crossed.sizes.tolist(), strict=True))
    cells = {(race, sex): expected.at[race, sex] for race in expected.index for sex in expected.columns}
    assert found == {f"{race} × {sex}": n for (race, sex), n in cells.items() if n}


@settings(max_examples=30, deadline=None)
@given(ROWS)
def test_cells_found_by_sorting_are_those_of_one_dense_array(rows: list[Row]) -> None:
    frame = framed(rows)
    dense = counted(frame)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cell_sums, "DENSE_CELLS", 0)
        assert counted(frame) == dense


@settings(max_examples=30, deadline=None)
@given(ROWS)
def test_the_tables_within_a_condition_add_up_to_the_table(rows: list[Row]) -> None:
    joint = counted(framed(rows))
    within = joint.tables_within("race", "sex")
    whole = joint.table("sex")
    assert all(table.groups == whole.groups for table in within.values())
    assert sum(table.rows for table in within.values()) == whole.rows
    for value, table in within.items():
        frame = framed(rows)
        assert table == counted(frame[frame["race"] == value]).table("sex").padded(whole.groups)


@settings(max_examples=30, deadline=None)
@given(ROWS)
def test_counts_survive_the_way_through_their_dict(rows: list[Row]) -> None:
    for joint in (counted(framed(rows)), counted(framed(rows), labels=None, scores=None, weights=None)):
        assert JointCounts.from_dict(json.loads(json.dumps(joint.to_dict()))) == joint


def test_counts_survive_the_way_through_a_file_of_the_same_bytes(tmp_path: Path) -> None:
    plain = count_jointly([1, 0], pd.DataFrame({"sex": ["f", None], "labels": ["å", "ß"]}))
    for joint in (two_by_two(), plain):
        write_joint_counts(tmp_path / "one.parquet", joint)
        write_joint_counts(tmp_path / "two.parquet", joint)
        assert read_joint_counts(tmp_path / "one.parquet") == joint
        assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="does not exist"):
        read_joint_counts(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(BadInputError, match="is not a file of joint counts"):
        read_joint_counts(tmp_path / "text.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(BadInputError, match="without joint counts"):
        read_joint_counts(tmp_path / "other.parquet")


def test_a_file_of_a_later_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "later.parquet"
    with monkeypatch.context() as patch:
        patch.setattr("apps.ml.evaluation.statistics.counting.joint_counts_file.FORMAT", 2)
        write_joint_counts(path, two_by_two())
    with pytest.raises(BadInputError, match="has format 2; this version reads format 1"):
        read_joint_counts(path)


def test_sums_of_scores_stay_exact_where_floats_would_not() -> None:
    n = 3 * 2**20
    scores = np.full(n, 1 - 2**-32)
    joint = count_jointly(np.ones(n), pd.DataFrame({"sex": np.full(n, "f")}), scores=scores, score_bins=2)
    assert joint.sums.scores is not None
    assert joint.sums.scores.tolist() == [n * (2**32 - 1)]
    doubled = joint.merge(joint)
    assert doubled.sums.scores is not None
    assert doubled.sums.scores.tolist() == [2 * n * (2**32 - 1)]


def test_a_missing_group_is_unknown_and_last_also_after_merging() -> None:
    first = count_jointly([1, 0], pd.DataFrame({"sex": [None, "m"]}))
    second = count_jointly([1], pd.DataFrame({"sex": ["f"]}))
    merged = first.merge(second)
    assert merged.groups == (("m", "f", "unknown"),)
    assert merged.table("sex").sizes.tolist() == [1, 1, 1]
    assert merged.reordered([("f", "m", "unknown")]).table("sex").groups == ("f", "m", "unknown")


def test_an_order_that_loses_a_group_is_refused() -> None:
    with pytest.raises(ValueError, match="names every group once"):
        two_by_two().reordered([("f",), ("x", "y")])


def test_without_labels_every_row_stands_under_label_0() -> None:
    table = count_jointly([1, 0], pd.DataFrame({"sex": ["f", "f"]})).table("sex")
    assert not table.labelled
    assert table.counts.tolist() == [[[1, 1], [0, 0]]]


def test_no_rows_are_no_cells() -> None:
    joint = count_jointly([], pd.DataFrame({"sex": []}))
    assert joint.rows == 0
    assert joint.merge(two_by_two_alone()).table("sex") == two_by_two_alone().table("sex")


def two_by_two_alone() -> JointCounts:
    return count_jointly([1, 0], pd.DataFrame({"sex": ["f", "m"]}))


@pytest.mark.parametrize("given", [{"labels": [1, 0]}, {"scores": [0.5, 0.5]}, {"weights": [1, 1]}])
def test_counts_of_another_kind_do_not_merge(given: dict[str, list[float]]) -> None:
    other = count_jointly([1, 0], pd.DataFrame({"sex": ["f", "m"]}), **given)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="Count both alike"):
        two_by_two_alone().merge(other)


@pytest.mark.parametrize("names", [(), ("sex", "age")])
def test_an_absent_attribute_is_named_with_those_that_exist(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"there is no attribute '(age)?'\. Use: sex, race"):
        two_by_two().table(*names)


def test_scores_that_were_not_counted_are_missed_in_words() -> None:
    with pytest.raises(DataError, match="no scores were counted"):
        two_by_two_alone().scores("sex")


def test_a_column_with_a_value_per_row_is_refused_before_its_values_are_looked_at() -> None:
    class Person:
        def __str__(self) -> str:
            raise AssertionError("values are not looked at")

    column = pd.Series([Person() for _ in range(1_001)], dtype=object)
    with pytest.raises(DataError, match="has 1,001 distinct values in 1,001 rows"):
        count_jointly(np.ones(len(column)), pd.DataFrame({"sex": column}))


def test_a_column_with_a_value_per_row_is_no_attribute() -> None:
    people = pd.DataFrame({"name": [f"person {number}" for number in range(1001)]})
    with pytest.raises(DataError, match="'name' has 1,001 distinct values") as caught:
        count_jointly(np.ones(1001), people)
    assert "person" not in str(caught.value)


def test_attributes_are_needed_once_each() -> None:
    with pytest.raises(DataError, match="there is no sensitive attribute"):
        count_jointly([1], pd.DataFrame(index=[0]))
    with pytest.raises(DataError, match="appear twice: a"):
        count_jointly([1], pd.DataFrame([["x", "y"]], columns=["a", "a"]))


def test_too_many_possible_cells_are_refused() -> None:
    many = pd.DataFrame({f"attribute {number}": [f"{value}" for value in range(1000)] for number in range(6)})
    with pytest.raises(DataError, match="too many groups to be crossed"):
        count_jointly(np.ones(1000), many, scores=np.zeros(1000))


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_weights_are_positive_and_finite(weight: float) -> None:
    with pytest.raises(DataError, match="weights: 1 row of 2 missing, infinite, zero or negative"):
        count_jointly([1, 0], pd.DataFrame({"sex": ["f", "m"]}), weights=[1.0, weight])


def test_the_input_stays_unaltered() -> None:
    groups = pd.DataFrame({"sex": pd.Categorical(["f", None])})
    scores = np.array([0.1, 0.9])
    count_jointly([1, 0], groups, scores=scores)
    assert groups["sex"].isna().tolist() == [False, True]
    assert scores.tolist() == [0.1, 0.9]
