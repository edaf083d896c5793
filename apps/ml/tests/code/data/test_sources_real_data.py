"""The declared public data sets against their original files."""

import os

import numpy as np
import pytest

from apps.ml.data.catalogue import load_declaration
from apps.ml.data.sources import read_raw
from apps.ml.data.sources.raw_table import RawTable

pytestmark = pytest.mark.skipif(
    "FAIRMIND_DATA_DIR" not in os.environ, reason="FAIRMIND_DATA_DIR names no original files"
)


def raw(name: str) -> RawTable:
    declaration = load_declaration(name)
    table = read_raw(declaration)
    assert set(table.frame) == {*declaration.columns, declaration.label.column}
    assert {str(dtype) for dtype in table.frame.dtypes} == {"str"}
    return table


def test_adult_has_both_files_without_junk_line_suffixes_and_question_marks() -> None:
    table = raw("adult")
    high = (table.frame["income"] == ">50K").to_numpy()
    assert table.frame["income"].isin([">50K", "<=50K"]).all()
    assert np.sum(table.origin == "train") == 32_561
    assert np.sum(table.origin == "test") == 16_281
    assert high[table.origin == "train"].mean() == pytest.approx(0.24081, abs=5e-6)
    assert high[table.origin == "test"].mean() == pytest.approx(0.23623, abs=5e-6)
    missing = table.frame.isna().sum()
    assert missing[missing > 0].to_dict() == {"workclass": 2799, "occupation": 2809, "native-country": 857}
    assert table.frame.duplicated().sum() == 52


def test_compas_keeps_text_and_holds_the_artefact_that_its_declaration_tells() -> None:
    frame = raw("compas").frame
    assert len(frame) == 7214
    late = frame["compas_screening_date"] > "2014-04-01"
    assert (late.sum(), (frame.loc[late, "two_year_recid"] == "1").mean()) == (998, 1.0)


def test_german_credit_has_its_codes_and_no_missing_value() -> None:
    frame = raw("german_credit").frame
    assert len(frame) == 1000
    assert not frame.isna().any(axis=None)
    assert frame["risk"].value_counts().to_dict() == {"1": 700, "2": 300}


@pytest.mark.parametrize("name", ["adult", "compas", "german_credit"])
def test_the_real_rows_keep_every_promise(name: str) -> None:
    from apps.ml.data.preparation import check

    assert check(load_declaration(name)) == ()
