"""What happens to one input column: a frozen choice per kind of column, and its plain JSON form."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from apps.ml.parameters import Encoding, NumericImputation, Scaling


@dataclass(frozen=True)
class NumericChoice:
    """A numeric column: fill missing values, then scale them, or put them into quantile bins if `bins` is not 0.

    `missing_indicator` adds one feature that tells which values were missing, if the training rows miss any.
    """

    kind: ClassVar[Literal["numeric"]] = "numeric"
    name: str
    imputation: NumericImputation
    fill_value: float
    missing_indicator: bool
    scaling: Scaling
    bins: int


@dataclass(frozen=True)
class BooleanChoice:
    """A column of 0 and 1: fill missing values and leave the rest as it is."""

    kind: ClassVar[Literal["boolean"]] = "boolean"
    name: str
    imputation: Literal["most_frequent", "constant"]
    fill_value: float
    missing_indicator: bool


@dataclass(frozen=True)
class CategoricalChoice:
    """A column of text: pool categories below the share `rare_below`, then encode.

    `imputation` is `category` (missing is a value of its own) or `most_frequent`. `categories` are the declared ones,
    whose order an ordinal encoding follows; empty: alphabetical.
    """

    kind: ClassVar[Literal["categorical"]] = "categorical"
    name: str
    imputation: Literal["category", "most_frequent"]
    encoding: Encoding
    rare_below: float
    missing_indicator: bool
    categories: tuple[str, ...]


ColumnChoice = NumericChoice | BooleanChoice | CategoricalChoice


def choice_to_dict(choice: ColumnChoice) -> dict[str, Any]:
    """Return the plain JSON form: lists for tuples, `kind` first."""
    content = {"kind": choice.kind, **asdict(choice)}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in content.items()}


def choice_from_dict(content: dict[str, Any]) -> ColumnChoice:
    """Inverse of :func:`choice_to_dict`."""
    values = {key: value for key, value in content.items() if key != "kind"}
    if content["kind"] == "numeric":
        return NumericChoice(**values)
    if content["kind"] == "boolean":
        return BooleanChoice(**values)
    return CategoricalChoice(**{**values, "categories": tuple(values["categories"])})
