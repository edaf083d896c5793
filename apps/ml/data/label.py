"""What a data set declares about its label: an event that happened or not, or a number."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from apps.ml.data.processed import RESERVED
from apps.ml.parameters import Section, Share

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


def _not_reserved(name: str) -> str:
    if name.startswith(RESERVED):
        raise ValueError(f"column names must not start with '{RESERVED}'")
    return name


ColumnName = Annotated[str, StringConstraints(min_length=1), AfterValidator(_not_reserved)]


class AnyLabel(Section):
    """The column that is predicted."""

    column: ColumnName


class Label(AnyLabel):
    """The column that is predicted and which of its values are the positive event.

    `favourable` says whether the positive event or its absence is good for the person. `share`: bounds on the share of
    positive rows that is believable.
    """

    positive: Annotated[tuple[str, ...], Field(min_length=1)]
    negative: Annotated[tuple[str, ...], Field(min_length=1)]
    favourable: Literal["positive", "negative"]
    positive_name: Text
    negative_name: Text
    share: tuple[Share, Share] = (0.01, 0.99)


class NumericLabel(AnyLabel):
    """The numeric column that is predicted.

    `name` is what the number is called and `unit` what it is counted in. `favourable` says whether a high or a low
    value is good for the person. `minimum` and `maximum`: bounds that every value keeps.
    """

    name: Text
    unit: str = ""
    favourable: Literal["high", "low"]
    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _bounds_ascend(self) -> "NumericLabel":
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError("the label's minimum must be below its maximum")
        return self


def described_label(label: AnyLabel) -> str:
    """Say in a few words what is predicted and what is good for the person."""
    if isinstance(label, NumericLabel):
        unit = f" in {label.unit}" if label.unit else ""
        return f"{label.name}{unit} (column {label.column}); favourable: {label.favourable} values"
    if isinstance(label, Label):
        favourable = label.positive_name if label.favourable == "positive" else label.negative_name
        return f"{label.positive_name} (column {label.column}); favourable: {favourable}"
    raise TypeError(f"{type(label).__name__} is no form of a label")
