"""From raw rows to splits, schema and quality, through Great Expectations, on a small data set made by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from apps.ml.data.catalogue import load_declaration
from apps.ml.data.declaration import Declaration, Expectations, Split
from apps.ml.data.examination import examine
from apps.ml.data.preparation import Prepared, check, chosen_split, prepare
from apps.ml.data.processed import ColumnSchema
from apps.ml.data.sources.raw_table import RawTable
from apps.ml.errors import DataError, DeclarationError, ParameterError
from apps.ml.files import rounded
from apps.ml.parameters import DataProcessing
from apps.ml.tests.clinic_visits import DECLARATION, declaration, raw, visits, with_column, with_values

PARAMETERS = DataProcessing(dataset="clinic_visits", seed=4)
QUARANTINE = {"at_most": 0.05}


def prepared(frame: pd.DataFrame | None = None, declared: Declaration | None = None, **parameters: Any) -> Prepared:
    chosen = PARAMETERS.model_copy(update=parameters)
    return prepare(declared or declaration(), raw(visits() if frame is None else frame), chosen)


def codes(frame: pd.DataFrame, declared: Declaration | None = None) -> list[tuple[str, str | None]]:
    return [(one.code, one.column) for one in examine(declared or declaration(), raw(frame)).findings]


def test_the_splits_hold_every_row_once_with_its_parts_aligned() -> None:
    frame = visits()
    splits = prepared(frame).splits
    assert sorted(np.concatenate([one.rows for one in splits.values()]).tolist()) == list(range(80))
    for one in splits.values():
        original = frame.iloc[one.rows]
        assert one.features["age"].tolist() == original["age"].astype(float).tolist()
        assert one.labels.tolist() == (original["kept"] == "yes").astype(int).tolist()
        expected = original["sex"].map({"f": "women", "m": "men"}).fillna("unknown")
        assert one.groups["sex"].tolist() == expected.tolist()


def test_the_schema_tells_columns_attributes_and_rows() -> None:
    declared = declaration(leave_out={"ward": "unused"}, held_out={"distance": "the truth"})
    schema = prepared(declared=declared).schema
    assert schema.columns == (
        ColumnSchema(
            "age", "numeric", integer=True, nullable=False, minimum=18, maximum=100, sensitive=True, actionable="no"
        ),
        ColumnSchema("insured", "boolean", nullable=False),
        ColumnSchema("sex", "categorical", sensitive=True, actionable="no"),
    )
    assert schema.attributes[0].groups == ("women", "men", "unknown")
    assert schema.held_out == ("distance",)
    assert schema.leave_out == {"ward": "unused"}
    assert schema.rows == {"train": 40, "validation": 20, "test": 20}
    assert (schema.dataset, schema.split, schema.source_digest) == ("clinic_visits", "shuffled", "0" * 64)


def test_the_schema_tells_what_can_be_done_about_a_column_and_its_words() -> None:
    columns = DECLARATION["columns"] | {
        "distance": DECLARATION["columns"]["distance"] | {"actionable": "decrease", "reason_high": "too far away"},
        "ward": DECLARATION["columns"]["ward"] | {"proxy_of": "sex"},
        "insured": {"type": "boolean", "actionable": False},
    }
    found = {one.name: one for one in prepared(declared=declaration(columns=columns)).schema.columns}
    assert (found["distance"].actionable, found["distance"].reason_high, found["distance"].reason) == (
        "decrease",
        "too far away",
        "",
    )
    assert (found["ward"].actionable, found["ward"].proxy_of) == ("no", "sex")
    assert found["insured"].actionable == "no"
    assert found["age"].actionable == "no"


def test_an_attributes_column_stays_out_of_reach_where_it_is_a_feature_as_well() -> None:
    sensitive = DECLARATION["sensitive"] | {"age_band": {"column": "age", "bands": [30], "feature_because": "dosage"}}
    schema = prepared(declared=declaration(sensitive=sensitive)).schema
    assert {one.name: one.actionable for one in schema.columns}["age"] == "no"


def test_a_column_declared_as_a_feature_is_not_kept_apart() -> None:
    sensitive = DECLARATION["sensitive"] | {"age_band": {"column": "age", "bands": [30], "feature_because": "dosage"}}
    schema = prepared(declared=declaration(sensitive=sensitive)).schema
    assert {one.name for one in schema.feature_columns(use_sensitive=False)} == {"age", "distance", "insured", "ward"}


def test_held_out_columns_travel_beside_the_features() -> None:
    split = prepared(declared=declaration(held_out={"distance": "the truth"})).splits["test"]
    assert "distance" not in split.features
    assert list(split.held_out) == ["distance"]
    assert len(split.held_out) == len(split)


def test_the_quality_report_counts_every_row_that_was_read() -> None:
    rule = {"column": "ward", "is_not": "east", "reason": "the ward was closed"}
    quality = prepared(declared=declaration(filters=[rule])).quality
    assert quality["findings"] == 0
    rows = quality["rows"]
    assert rows["read"] == 80
    assert rows["filtered_out"] == 26
    assert rows["train"] + rows["validation"] + rows["test"] == 54
    assert quality["filters"] == [{"column": "ward", "reason": "the ward was closed", "rows": 26}]
    assert quality["expectations"]["checked"] == quality["expectations"]["passed"] == len(quality["promises"])


def test_row_numbers_are_those_of_the_source_and_not_of_the_filtered_rows() -> None:
    rule = {"column": "ward", "equals": "east", "reason": "one ward"}
    splits = prepared(visits(240), declaration(filters=[rule], expectations={"rows_at_least": 10})).splits
    assert {row % 3 for one in splits.values() for row in one.rows.tolist()} == {2}


def test_the_same_rows_and_seed_give_the_same_result() -> None:
    first, again = prepared(), prepared()
    assert rounded(first.quality) == rounded(again.quality)
    assert first.schema == again.schema
    for name, split in first.splits.items():
        pd.testing.assert_frame_equal(split.features, again.splits[name].features)


@pytest.mark.parametrize("split", ["shuffled", "by_patient", "by_day"])
def test_each_declared_split_can_be_chosen_by_name(split: str) -> None:
    result = prepared(split=split)
    assert result.schema.split == split
    assert all(set(one.labels.tolist()) == {0, 1} for one in result.splits.values())


def test_the_default_split_is_the_one_of_the_declaration() -> None:
    assert chosen_split(declaration(), "default") == "shuffled"


def test_an_unknown_split_is_a_parameter_error_with_the_nearest_name() -> None:
    with pytest.raises(
        ParameterError, match=r"data_processing\.split.*no split 'by_pacient'; did you mean 'by_patient'"
    ):
        prepared(split="by_pacient")


def test_the_raw_table_stays_unaltered() -> None:
    frame = visits()
    before = frame.copy()
    prepared(frame)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (visits().head(0), [("no_rows", None)]),
        (visits().drop(columns="ward"), [("missing_column", "ward")]),
        (visits().drop(columns="kept"), [("missing_column", "kept")]),
        (visits().drop(columns="sex"), [("missing_column", "sex")]),
        (visits().rename(columns={"age": "Age"}), [("missing_column", "age"), ("undeclared_column", "Age")]),
        (with_values("age", {5: "forty"}), [("unreadable", "age")]),
        (visits().assign(kept="yes"), [("one_class", "kept")]),
        (visits().assign(sex="f"), [("one_group", "sex")]),
        (visits().assign(distance=np.nan).astype("str"), [("all_missing", "distance")]),
        (visits().head(9), [("number_of_rows", None)]),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, list) else "",
)
def test_bad_rows_are_named_by_their_fault(frame: pd.DataFrame, expected: list[tuple[str, str | None]]) -> None:
    assert codes(frame) == expected


def test_columns_of_one_name_are_a_finding() -> None:
    frame = pd.concat([visits(), visits()[["age"]]], axis=1)
    assert codes(frame) == [("duplicated_column", "age")]


def test_filters_that_keep_no_row_are_a_finding_that_says_so() -> None:
    rule = {"column": "ward", "equals": "west", "reason": "another ward"}
    finding = examine(declaration(filters=[rule]), raw(visits())).findings[0]
    assert str(finding) == "[no_rows] the filters keep no row (0 rows); expected at least one row"


def test_findings_about_columns_and_about_values_come_together() -> None:
    frame = with_values("age", {5: "forty", 6: "7"}).drop(columns="ward").assign(extra="1")
    with pytest.raises(DataError, match="break 4 promises; nothing was written") as caught:
        prepared(frame)
    assert [one.code for one in caught.value.findings] == [
        "missing_column",
        "undeclared_column",
        "unreadable",
        "out_of_range",
    ]
    assert "forty" not in str(caught.value)


def test_rows_that_cannot_be_divided_are_an_error() -> None:
    frame = visits(40).assign(kept=["yes"] * 2 + ["no"] * 38)
    with pytest.raises(DataError, match="holds one class only"):
        prepared(frame)


def test_a_contradictory_declaration_is_refused_before_any_row_is_read() -> None:
    with pytest.raises(DeclarationError, match="clinic_visits' contradicts itself"):
        prepared(declared=declaration(columns=with_column("age", minimum=200)))


def test_few_broken_rows_are_quarantined_with_their_reasons() -> None:
    frame = with_values("age", {5: "forty", 9: "7"})
    frame.loc[9, "ward"] = "west"
    frame.loc[12, "kept"] = "maybe"
    result = prepared(frame, declaration(quarantine=QUARANTINE))
    assert result.quarantined is not None
    assert result.quarantined["fairmind:row"].tolist() == [5, 9, 12]
    assert result.quarantined["fairmind:reasons"].tolist() == [
        "age: unreadable",
        "age: out_of_range; ward: unknown_category",
        "kept: label_unusable",
    ]
    assert result.quarantined["age"].tolist()[:2] == ["forty", "7"]
    assert result.quality["findings"] == 0
    assert result.quality["rows"]["quarantined"] == 3
    assert {entry["reason"]: entry["rows"] for entry in result.quality["quarantine"]} == {
        "age: unreadable": 1,
        "age: out_of_range": 1,
        "ward: unknown_category": 1,
        "kept: label_unusable": 1,
    }
    kept = np.concatenate([one.rows for one in result.splits.values()])
    assert sorted(kept.tolist()) == [row for row in range(80) if row not in (5, 9, 12)]


def test_no_quarantine_is_written_when_every_row_keeps_its_promises() -> None:
    assert prepared(declared=declaration(quarantine=QUARANTINE)).quarantined is None


def test_more_broken_rows_than_the_declaration_allows_are_an_error_with_every_finding() -> None:
    frame = with_values("age", dict.fromkeys(range(5), "x"))
    with pytest.raises(
        DataError, match=r"(?s)\[unreadable\].*\[quarantine\].*\(5 rows\); expected at most 0\.05 of 80"
    ):
        prepared(frame, declaration(quarantine=QUARANTINE))


def test_quarantine_takes_rows_and_not_promises_about_the_whole_table() -> None:
    frame = with_values("distance", dict.fromkeys(range(40), None))
    frame.loc[50, "age"] = "x"
    assert codes(frame, declaration(quarantine=QUARANTINE)) == [("missing", "distance")]


def test_what_the_quarantine_leaves_is_judged_again() -> None:
    declared = declaration(quarantine=QUARANTINE, expectations={"rows_at_least": 80})
    assert codes(with_values("age", {5: "x"}), declared) == [("number_of_rows", None)]


def test_a_missing_value_where_none_may_be_missing_is_never_quarantined() -> None:
    assert codes(with_values("age", {5: None}), declaration(quarantine=QUARANTINE)) == [("missing", "age")]


def test_a_given_split_looks_at_the_origin_of_files() -> None:
    declared = declaration(
        splits={"official": {"method": "given", "test_values": ["new"], "validation": 0.2}}, default_split="official"
    )
    origin = np.array(["old"] * 60 + ["new"] * 20)
    result = prepare(declared, RawTable(visits(), origin, "0" * 64), PARAMETERS)
    assert result.splits["test"].rows.tolist() == list(range(60, 80))
    assert result.schema.rows == {"train": 48, "validation": 12, "test": 20}


def small_generated(rows: int, **changes: Any) -> Declaration:
    """Return the declaration of the default data set for fewer rows."""
    declared = load_declaration("loan_applications")
    source = declared.source.model_copy(update={"rows": rows})
    expectations = Expectations(rows_at_least=rows, rows_at_most=rows)
    return declared.model_copy(update={"source": source, "expectations": expectations, **changes})


def test_check_finds_nothing_where_every_promise_and_every_split_holds() -> None:
    assert check(small_generated(2000)) == ()


def test_check_finds_broken_promises() -> None:
    findings = check(small_generated(2000, expectations=Expectations(rows_at_least=2001)))
    assert [one.code for one in findings] == ["number_of_rows"]


def test_check_tries_every_split_and_names_the_one_that_fails() -> None:
    splits = {"fine": Split(method="random", test=0.2), "thin": Split(method="random", test=0.2, validation=0.0001)}
    findings = check(small_generated(2000, splits=splits))
    assert [str(one) for one in findings] == [
        "[split_empty] split 'thin': the part 'validation' has no rows; expected rows of both classes in every part"
    ]
