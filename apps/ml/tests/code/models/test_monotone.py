import pytest

from apps.ml.errors import ParameterError
from apps.ml.models.monotone import monotone_directions

SOURCES = ("income", "age", "age", "city", "debt", "income × debt")
NAMES = ("income", "age", "age is missing", "city=north", "debt", "income × debt")


def test_a_column_that_is_one_feature_has_its_direction() -> None:
    assert monotone_directions({"income": "increasing"}, ("income", "city"), ("income", "city")) == (1, 0)
    assert monotone_directions({"city": "decreasing"}, ("income", "city")) == (0, -1)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("nothing", "is no input column of the model"),
        ("age", "encoded as 2 features"),
        ("debt", "multiplied with another column in 'income × debt'"),
        ("city", "encoded as 'city=north', which is not its value"),
    ],
)
def test_a_promise_that_the_encoding_cannot_keep_is_refused(column: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        monotone_directions({column: "increasing"}, SOURCES, NAMES)
