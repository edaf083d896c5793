"""The request schema of one model version, built from its signature: exact columns, strict types, nothing else.

It draws the OpenAPI document of the running server, and it says in which row something does not fit. What is accepted
is decided by `features.request_frame` alone; a test holds that both accept the same rows.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.native.schemas import JsonType
from apps.ml.deployment.requests.error_shape import Misfit, Shape
from apps.ml.deployment.requests.limits import Limits

LONGEST_NAME = 100
LONGEST_SUBJECT = 200
MOST_MISFITS = 100
"""Misfits beside the rows that one answer lists."""

EXPECTED: dict[JsonType, str] = {
    "string": "text",
    "boolean": "true, false, 1 or 0",
    "integer": "a whole number",
    "number": "a finite number",
}
TRUTH_VALUES = {"anyOf": [{"type": "boolean"}, {"type": "integer", "enum": [0, 1]}]}
PROBLEMS = {
    "missing": "the column is missing",
    "extra_forbidden": "the model has no such column",
    "finite_number": "the number is infinite or too large",
    "not_whole": "the number is not whole",
    "model_type": "the row is not an object",
    "model_attributes_type": "the row is not an object",
}


class Envelope(Shape):
    """The part of a prediction request that does not depend on the model.

    `model`, `version` and `alias` choose among the served versions; one that is not served is refused. `subject` is
    the caller's name for the person or case: it decides the arm of a split, and finds the person's rows for erasure;
    only its digest is kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=())

    instances: list[Any] = Field(min_length=1)
    model: str | None = None
    version: str | int | None = None
    alias: str | None = None
    subject: str | None = Field(default=None, max_length=LONGEST_SUBJECT)
    explain: bool = False


def row_model(columns: Sequence[ColumnSchema]) -> type[BaseModel]:
    """Return the pydantic model of one row; the JSON names are the column names, whatever characters they hold."""
    fields: dict[str, Any] = {f"column_{number}": _field(column) for number, column in enumerate(columns)}
    config = ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        json_schema_extra={"examples": [example_row(columns)]},
    )
    return create_model(
        "Instance", __config__=config, __doc__="One row: every column of the model's signature.", **fields
    )


def type_name(column: ColumnSchema) -> JsonType:
    """Return the JSON type of a column: integer, number, boolean or string."""
    if column.kind == "categorical":
        return "string"
    if column.kind == "boolean":
        return "boolean"
    return "integer" if column.integer else "number"


def row_misfits(
    rows: Sequence[Any], model: type[BaseModel], columns: Sequence[ColumnSchema], limits: Limits
) -> list[Misfit]:
    """Return what does not fit, row by row; stops after `limits.findings`, so that a bad request stays cheap."""
    expected = {column.name: expectation(column) for column in columns}
    check = model.__pydantic_validator__.validate_python
    found: list[Misfit] = []
    for number, row in enumerate(rows):
        try:
            check(with_few_unknown(row, expected, limits.findings) if isinstance(row, dict) else row)
        except ValidationError as error:
            by_column = {_name(finding): finding for finding in reversed(_errors(error))}
            found.extend(_misfit(number, finding, expected) for finding in reversed(by_column.values()))
        if len(found) >= limits.findings:
            break
    return found[: limits.findings]


def expectation(column: ColumnSchema) -> str:
    """Say what a value of this column must be, for people."""
    return EXPECTED[type_name(column)] + (" or null" if column.nullable else "")


def envelope_misfits(error: ValidationError) -> list[Misfit]:
    """Return what is wrong beside the rows; `expected` speaks of the request's own keys."""
    return [
        Misfit(problem=f"'{_name(finding)}': {_envelope_problem(finding)}", expected="see /openapi.json")
        for finding in _errors(error)[:MOST_MISFITS]
    ]


def with_few_unknown(content: Mapping[str, Any], known: Collection[str], most: int) -> Mapping[str, Any]:
    """Return an object without its unknown keys but for `most`: none of the others is told, and each costs time."""
    if len(content) <= len(known) + most:
        return content
    kept = {name: content[name] for name in known if name in content}
    return kept | dict(islice(((name, value) for name, value in content.items() if name not in known), most))


def _errors(error: ValidationError) -> list[Any]:
    """Pydantic's findings without the values; a column that may be of two types has one for each."""
    return list(error.errors(include_url=False, include_input=False, include_context=False))


def _envelope_problem(finding: Mapping[str, Any]) -> str:
    problems = {"missing": "the key is missing", "extra_forbidden": "there is no such key", "too_short": "no rows"}
    return problems.get(finding["type"], "the value has the wrong type")


def _misfit(row: int, finding: Mapping[str, Any], expected: Mapping[str, str]) -> Misfit:
    column = _name(finding)
    problem = PROBLEMS.get(finding["type"], "the value has the wrong type")
    if finding["type"] == "extra_forbidden":
        return Misfit(row=row, column=column, problem=problem, expected="only the columns of /v1/models")
    if column is None:
        return Misfit(row=row, problem=problem, expected="an object with every column of /v1/models")
    return Misfit(row=row, column=column, problem=problem, expected=expected[column])


def _name(finding: Mapping[str, Any]) -> str | None:
    """The key that does not fit; the name of an unknown key comes from the caller and is cut short."""
    location = finding["loc"]
    if not location:
        return None
    name = str(location[0])
    return name[:LONGEST_NAME] if finding["type"] == "extra_forbidden" else name


def _field(column: ColumnSchema) -> tuple[Any, Any]:
    kind = _type(column)
    annotation = kind | None if column.nullable else kind
    extra: dict[str, Any] = {"examples": examples(column), **_training_range(column)}
    described = _description(column)
    return annotation, Field(alias=column.name, title=column.name, description=described, json_schema_extra=extra)


def examples(column: ColumnSchema) -> list[Any]:
    """Return values that fit the column and are nobody's; the first is the plainest."""
    if column.kind == "categorical":
        return list(column.categories) or [""]
    if column.kind == "boolean":
        return [False, True]
    least = column.minimum or 0
    return [int(least) if column.integer else float(least)]


def example_row(columns: Sequence[ColumnSchema]) -> dict[str, Any]:
    """Return a row that fits the signature and is nobody's: null where that is allowed, else the plainest value."""
    return {column.name: None if column.nullable else examples(column)[0] for column in columns}


def _training_range(column: ColumnSchema) -> dict[str, float]:
    """What training values were held to; other names than the schema's own, for values beyond are answered too."""
    bounds = {"x-training-minimum": column.minimum, "x-training-maximum": column.maximum}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _type(column: ColumnSchema) -> Any:
    if column.kind == "categorical":
        return str
    if column.kind == "boolean":
        return Annotated[bool | float, AfterValidator(_require_truth_value), WithJsonSchema(TRUTH_VALUES)]
    if column.integer:
        return Annotated[float, AfterValidator(_require_whole), WithJsonSchema({"type": "integer"})]
    return float


def _require_whole(value: float) -> float:
    if not value.is_integer():
        raise PydanticCustomError("not_whole", "the number is not whole")
    return value


def _require_truth_value(value: float) -> float:
    if value not in (0, 1):
        raise PydanticCustomError("not_a_truth_value", "the value is neither true nor false")
    return value


def _description(column: ColumnSchema) -> str | None:
    """What the column means and what its training values were held to; the bounds are information, not a check."""
    parts = [column.description]
    if column.minimum is not None:
        parts.append(f"In training at least {column.minimum:g}.")
    if column.maximum is not None:
        parts.append(f"In training at most {column.maximum:g}.")
    if column.categories:
        parts.append(f"Known values: {', '.join(column.categories)}.")
    return " ".join(part for part in parts if part) or None
