"""What open parts of the record may hold: measurements at any depth, plain values, lists and mappings of them."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag, model_validator
from typing_extensions import TypeAliasType

FINITE = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)
"""Every part is frozen and takes JSON values as they are: no text for a number, no NaN."""


_VALUE_OR_REASON: list[JsonValue] = [
    {"properties": {"value": {"type": "number"}, "undefined": {"type": "null"}}},
    {"properties": {"value": {"type": "null"}, "undefined": {"type": "string"}}, "required": ["undefined"]},
]


class Measured(BaseModel):
    """A measurement as the record holds it; it has either a value or a reason why it is undefined.

    The fields are those of :class:`~apps.ml.evaluation.statistics.measurement.Measurement`. Further keys are facts of
    the same kind of content.
    """

    model_config = FINITE | ConfigDict(extra="allow", json_schema_extra={"oneOf": _VALUE_OR_REASON})
    __pydantic_extra__: dict[str, "Found"] = Field(init=False)

    value: float | None
    n: Annotated[float, Field(ge=0)]
    lower: float | None = None
    upper: float | None = None
    confidence: Annotated[float, Field(gt=0, lt=1)] | None = None
    method: str | None = None
    numerator: float | None = None
    denominator: float | None = None
    undefined: Annotated[str, Field(min_length=1)] | None = None
    simultaneous_lower: float | None = None
    simultaneous_upper: float | None = None
    lowest: str | None = None
    highest: str | None = None
    rate: str | None = None

    @model_validator(mode="after")
    def _value_or_reason(self) -> "Measured":
        if (self.value is None) == (self.undefined is None):
            raise ValueError("a measurement has either a value or a reason why it is undefined")
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise ValueError("the lower bound of a measurement is at most the upper one")
        return self


def _kind(found: Any) -> str:
    if isinstance(found, Measured):
        return "measurement"
    if isinstance(found, dict):
        return "measurement" if found.keys() >= {"value", "n"} else "mapping"
    return "list" if isinstance(found, list) else "plain"


KINDS = ("measurement", "mapping", "list", "plain")

if TYPE_CHECKING:
    Found = Any  # mypy cannot follow a type that names itself inside Annotated
else:
    Found = TypeAliasType(
        "Found",
        Annotated[
            Annotated[Measured, Tag("measurement")]
            | Annotated[dict[str, "Found"], Tag("mapping")]
            | Annotated[list["Found"], Tag("list")]
            | Annotated[str | bool | int | float | None, Tag("plain")],
            Discriminator(_kind),
        ],
    )
"""Content of an open part: whatever carries both `value` and `n` must be a measurement."""
