"""The compiled encoding is the transformer's, bit for bit, for any values that fit the columns."""

from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.scorers.not_compiled import NotCompiledError
from apps.ml.deployment.scorers.row_encoder import RowEncoder
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.features.numeric_columns import NumericEncoder
from apps.ml.features.request_frame import frame_from_records
from apps.ml.models.bundle import ModelBundle
from apps.ml.models.group_input import GroupInput
from apps.ml.tests.code.features.people import COLUMNS, labels_of, people, transformer

GROUP = GroupInput("gender", ("f", "m", "unknown"))
SECTIONS: list[dict[str, Any]] = [
    {"use_sensitive": True},
    {
        "use_sensitive": True,
        "columns": {
            "age": {"bins": 4},
            "income": {"bins": 5},
            "purpose": {"encoding": "target"},
            "education": {"encoding": "ordinal"},
            "owns_home": {"missing_indicator": True, "imputation": "constant", "fill_value": 0.25},
        },
    },
    {"interactions": [["age", "income"]], "numeric": {"scaling": "minmax", "imputation": "mean"}},
    {"selection": {"method": "mutual_information", "keep": 3}, "categorical": {"encoding": "target"}},
    {"selection": {"method": "variance"}, "categorical": {"imputation": "most_frequent", "rare_below": 0.35}},
    {
        "numeric": {"scaling": "robust", "missing_indicator": False},
        "columns": {"purpose": {"imputation": "most_frequent", "missing_indicator": True}},
    },
    {"numeric": {"scaling": "none"}, "categorical": {"encoding": "ordinal"}, "columns": {"owns_home": {"drop": True}}},
]

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.none() | FLOATS | st.integers(-(2**70), 2**70) | st.sampled_from([1e308, -1e308, 3.5e38, 5e-324, -0.0])
TEXTS = st.none() | st.sampled_from(["car", "house", "boat", "college", "f", "m", "unknown", "Car", ""]) | st.text()
TRUTHS = st.none() | st.booleans() | st.sampled_from([0, 1, 0.0, 1.0, -0.0])
VALUES = {"numeric": NUMBERS, "categorical": TEXTS, "boolean": TRUTHS}


@cache
def bundle_of(section: int, group: bool) -> ModelBundle:
    """A bundle as far as encoding looks at it; every column may be missing."""
    frame = people(300, seed=3)
    fitted = transformer(**SECTIONS[section]).fit(frame, labels_of(frame))
    held = set(fitted.column_names_)
    columns = [ColumnSchema(column.name, column.kind) for column in COLUMNS if column.name in held]
    info: Any = SimpleNamespace(
        columns=(*columns, GROUP.column) if group else tuple(columns), group=GROUP if group else None
    )
    return ModelBundle(info, fitted, None)


def rows_for(columns: tuple[ColumnSchema, ...]) -> st.SearchStrategy[list[tuple[Value, ...]]]:
    return st.lists(st.tuples(*(VALUES[column.kind] for column in columns)), min_size=1, max_size=6)


@pytest.mark.parametrize("group", [False, True], ids=["alone", "with its group"])
@pytest.mark.parametrize("section", range(len(SECTIONS)))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_route_gives_the_bits_of_the_transformer(section: int, group: bool, data: st.DataObject) -> None:
    bundle = bundle_of(section, group)
    rows = data.draw(rows_for(bundle.info.columns))
    names = [column.name for column in bundle.info.columns]
    frame = frame_from_records([dict(zip(names, row, strict=True)) for row in rows], bundle.info.columns)
    expected = np.ascontiguousarray(bundle.encode(frame))
    encoder, x = RowEncoder(bundle), np.full(expected.shape[1], np.nan)
    assert encoder.encode_rows(rows).tobytes() == expected.tobytes()
    assert encoder.encode_frame(frame[names[::-1]]).tobytes() == expected.tobytes()
    for row, features in zip(rows, expected, strict=True):
        encoder.encode_row(row, x)
        assert x.tobytes() == features.tobytes()


def test_values_at_the_edges_of_bins_fall_where_the_transformer_puts_them() -> None:
    bundle = bundle_of(1, False)
    transformer_of: Any = bundle.transformer
    edges = next(encoder.edges for encoder in transformer_of.encoders_ if encoder.name == "income")
    beside = [value for edge in edges for value in (np.nextafter(edge, 0), edge, np.nextafter(edge, np.inf))]
    rows = [(30, float(value), "car", "school", True, "f") for value in beside]
    names = [column.name for column in bundle.info.columns]
    frame = frame_from_records([dict(zip(names, row, strict=True)) for row in rows], bundle.info.columns)
    assert RowEncoder(bundle).encode_rows(rows).tobytes() == np.ascontiguousarray(bundle.encode(frame)).tobytes()


def test_no_rows_give_no_features() -> None:
    encoder = RowEncoder(bundle_of(0, True))
    assert encoder.encode_rows([]).shape == (0, encoder.width)


def test_a_transformer_of_another_kind_is_not_compiled() -> None:
    bundle = bundle_of(0, False)
    with pytest.raises(NotCompiledError, match="SimpleNamespace is no transformer that is known here"):
        RowEncoder(ModelBundle(bundle.info, SimpleNamespace(), None))


@pytest.mark.parametrize(
    ("encoder", "reason"),
    [
        (SimpleNamespace(name="age"), "encodes columns by SimpleNamespace"),
        (NumericEncoder("age", 0.0, 0.0, 0.0, None, False), "'age' is divided by zero"),
    ],
)
def test_an_encoder_that_cannot_be_compiled_is_named(encoder: Any, reason: str) -> None:
    frame = people(50)
    fitted = transformer().fit(frame)
    fitted.encoders_[0] = encoder
    with pytest.raises(NotCompiledError, match=reason):
        RowEncoder(ModelBundle(bundle_of(2, False).info, fitted, None))
