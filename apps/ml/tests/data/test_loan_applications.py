"""Promises about the rows of the default data set after processing, on a sample of its generator."""

import numpy as np
import pandas as pd
import pytest

from apps.ml.data.catalogue import load_declaration
from apps.ml.data.declaration import Declaration, Expectations
from apps.ml.data.preparation import Prepared, prepare
from apps.ml.data.processed import ProcessedSplit
from apps.ml.data.sources import RawTable, read_raw
from apps.ml.parameters import DataProcessing

ROWS = 4000


@pytest.fixture(scope="module")
def declaration() -> Declaration:
    declared = load_declaration("loan_applications")
    source = declared.source.model_copy(update={"rows": ROWS})
    return declared.model_copy(update={"source": source, "expectations": Expectations(rows_at_least=ROWS)})


@pytest.fixture(scope="module")
def raw(declaration: Declaration) -> RawTable:
    return read_raw(declaration)


@pytest.fixture(scope="module")
def prepared(declaration: Declaration, raw: RawTable) -> Prepared:
    return prepare(declaration, raw, DataProcessing(dataset="loan_applications", seed=1))


def everybody(prepared: Prepared) -> pd.DataFrame:
    """Put the rows of all parts together: features, label, groups and truth."""
    return pd.concat([_table(split) for split in prepared.splits.values()], ignore_index=True)


def _table(split: ProcessedSplit) -> pd.DataFrame:
    groups = split.groups.add_prefix("group ")
    parts = [split.features, groups, split.held_out]
    return pd.concat([part.reset_index(drop=True) for part in parts], axis=1).assign(label=split.labels)


def test_every_promise_is_kept_and_no_row_is_lost(prepared: Prepared) -> None:
    assert prepared.quality["findings"] == 0
    assert prepared.quality["expectations"]["passed"] == prepared.quality["expectations"]["checked"]
    assert sum(prepared.schema.rows.values()) == ROWS


def test_no_person_is_in_two_parts(prepared: Prepared, raw: RawTable) -> None:
    person = raw.frame["applicant_id"].to_numpy()
    parts = [set(person[split.rows]) for split in prepared.splits.values()]
    assert sum(len(part) for part in parts) == len(set.union(*parts)) == len(set(person))


def test_every_part_has_its_share_of_rows_and_of_repaid_loans(prepared: Prepared) -> None:
    share = prepared.quality["label_share"]
    for name, wanted in (("train", 0.65), ("validation", 0.15), ("test", 0.2)):
        assert prepared.schema.rows[name] == pytest.approx(wanted * ROWS, abs=2)
        assert share[name] == pytest.approx(share["all"], abs=0.005)


def test_no_feature_tells_who_the_person_is_or_what_really_happens(prepared: Prepared) -> None:
    names = {column.name for column in prepared.schema.columns}
    kept_apart = {"application_id", "applicant_id", "application_date", "true_repayment_probability", "repaid"}
    assert not names & kept_apart
    usable = {column.name for column in prepared.schema.feature_columns(use_sensitive=False)}
    assert not usable & {"gender", "origin"}


def test_two_sensitive_attributes_and_their_intersection_name_groups_of_every_part(prepared: Prepared) -> None:
    orders = {attribute.name: attribute.groups for attribute in prepared.schema.attributes}
    assert orders["gender"] == ("female", "male", "unknown")
    assert orders["origin"] == ("domestic", "regional", "overseas", "unknown")
    for split in prepared.splits.values():
        assert set(split.groups["gender_origin"]) <= set(orders["gender_origin"])
        parts = split.groups["gender"] + " × " + split.groups["origin"]
        assert (parts == split.groups["gender_origin"]).all()


def test_unknown_groups_are_those_whose_value_is_missing(prepared: Prepared) -> None:
    rows = everybody(prepared)
    assert ((rows["group gender"] == "unknown") == rows["gender"].isna()).all()
    assert 0 < rows["gender"].isna().sum() < 0.03 * ROWS


def test_values_are_finite_and_within_their_promised_range(prepared: Prepared) -> None:
    rows = everybody(prepared)
    for column in prepared.schema.columns:
        if column.kind == "categorical":
            assert set(rows[column.name].dropna()) <= set(column.categories)
            continue
        values = rows[column.name].dropna().to_numpy()
        assert np.isfinite(values).all()
        assert values.min() >= (-np.inf if column.minimum is None else column.minimum)
        assert values.max() <= (np.inf if column.maximum is None else column.maximum)


def test_the_true_probability_agrees_with_the_label_where_no_bias_was_planted(prepared: Prepared) -> None:
    rows = everybody(prepared)
    fair = rows[rows["origin"].isin(["domestic", "regional"])]
    # The mean of n independent outcomes lies within four standard errors of the mean probability.
    error = np.sqrt((fair["true_repayment_probability"] * (1 - fair["true_repayment_probability"])).mean() / len(fair))
    assert abs(fair["label"].mean() - fair["true_repayment_probability"].mean()) < 4 * error


def test_repaid_loans_of_people_from_overseas_are_recorded_too_rarely(prepared: Prepared) -> None:
    rows = everybody(prepared)
    overseas = rows[rows["origin"] == "overseas"]
    expected = 0.9 * overseas["true_repayment_probability"]
    error = np.sqrt((expected * (1 - expected)).mean() / len(overseas))
    assert abs(overseas["label"].mean() - expected.mean()) < 4 * error
    assert overseas["label"].mean() < overseas["true_repayment_probability"].mean()
