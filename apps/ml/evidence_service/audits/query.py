"""The options of one request, as query parameters: named as those of `fairmind audit`, with its defaults.

No web framework is needed here: the worker reads the same models from its job.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from apps.ml.errors import BadInputError
from apps.ml.evaluation.audit.options import MISSING, AuditOptions
from apps.ml.evaluation.audit.written_options import WrittenOptions, audit_options, names_of, separator_of
from apps.ml.evidence_service.audits.parameter_names import as_parameters
from apps.ml.validation_errors import nearest_name

LONGEST_TEXT = 1_000
MOST_ENTRIES = 100
LONGEST_NAME_BYTES = 200

Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Texts = Annotated[list[Annotated[str, Field(max_length=LONGEST_TEXT)]], Field(max_length=MOST_ENTRIES)]
Encoding = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
FileName = Annotated[str, Field(pattern=r"^[\w][\w .,()+-]*$", max_length=LONGEST_NAME_BYTES)]


class Query(BaseModel):
    """What both paths take. Messages call a file `name`, and say nothing of where it lies."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    separator: Text | None = Field(None, description="Of a CSV file: one character, or tab; , ; tab and | are found.")
    encoding: Encoding = Field("utf-8", description="Of a CSV file.")
    missing: Texts | None = Field(None, description="Texts that stand for nothing, besides an empty field.")
    name: FileName | None = Field(None, description="What the file is called in messages and in the record.")

    @classmethod
    def read(cls, given: Sequence[tuple[str, str]]) -> Self:
        """Return the query that parameters in their order make; a list is a parameter that is repeated.

        Raises
        ------
        BadInputError
            Names the parameter and what it takes, and not what it held.
        """
        content: dict[str, object] = {}
        for name, value in given:
            if name not in cls.model_fields:
                hint = nearest_name(name, list(cls.model_fields))
                raise BadInputError(
                    f"There is no such parameter{hint}{'' if hint.endswith('?') else '.'} Mend the name."
                )
            if name in _lists(cls):
                entries = content.setdefault(name, [])
                if isinstance(entries, list):
                    entries.append(value)
            elif name in content:
                raise BadInputError(f"`{name}` is given twice. Give it once.")
            else:
                content[name] = value
        return cls._checked(content)

    @classmethod
    def _checked(cls, content: dict[str, object]) -> Self:
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            message = first["msg"].removeprefix("Value error, ").rstrip(".")
            raise BadInputError(f"`{first['loc'][0]}`: {message}. Mend this parameter.") from None

    @field_validator("name")
    @classmethod
    def _plain_file(cls, name: str | None) -> str | None:
        if name is not None and (name.lower().endswith(".gz") or len(name.encode()) > LONGEST_NAME_BYTES):
            raise ValueError("it is the plain name of a file that is not compressed, of at most 200 bytes")
        return name


class AuditQuery(Query):
    """The options of `fairmind audit`; docs/ml/audit.md explains them."""

    sensitive: Texts | None = Field(None, description="Columns that make groups.")
    prediction: Text | None = Field(None, description="Column of decisions.")
    label: Text | None = Field(None, description="Column of what truly happened.")
    score: Text | None = Field(None, description="Column of scores.")
    threshold: float | None = Field(
        None, description="Instead of `prediction`: predicted positive from this score on.", allow_inf_nan=False
    )
    positive: Texts | None = Field(None, description="Values of the predicted event. Default: 1, true, yes.")
    favourable: Texts | None = Field(
        None, description="Values that are good for the person. Default: the positive ones."
    )
    negative: Texts | None = Field(None, description="Values of the other outcome, where they are several.")
    weight: Text | None = Field(None, description="Column of weights.")
    bands: Texts | None = Field(None, description="Put numbers into bands by lower bounds: age=25,45.")
    intersections: int = Field(2, ge=1, le=4, description="How many attributes are crossed at most; 1 for none.")
    condition: Texts | None = Field(None, description="Compare once more within the values of these columns.")
    reference: Texts | None = Field(
        None, description="Group that others are compared with, as sex=male. Default: the largest."
    )
    minimum_group_size: int = Field(30, ge=1, le=10**12, description="Rows a group needs to be judged.")
    confidence: float = Field(0.95, gt=0, lt=1, description="Of every interval.")
    gate: Texts | None = Field(
        None, description="A limit, as fairness.*.equalized_odds_difference<=0.1. Default: those of `fairmind audit`."
    )
    no_gates: bool = Field(False, description="Report only; then the verdict is null.")
    score_scale: Literal["probability", "any"] = Field(
        "probability", description="probability, or any: then scores make scoring rates alone."
    )
    leave_out_missing: bool = Field(
        False, description="Leave out and count rows without prediction, label or score, instead of refusing the file."
    )
    record: bool = Field(False, description="Answer with the whole evidence record as well.")

    def options(self, path: Path) -> AuditOptions:
        """Return the options of an audit of `path`, by the parser of the command; the file is not looked at.

        Raises
        ------
        BadInputError
            As the command, with the names of the parameters.
        """
        try:
            return audit_options(path, WrittenOptions(**self.model_dump(exclude={"record", "name"})))
        except BadInputError as error:
            raise BadInputError(as_parameters(str(error))) from None


class TableQuery(Query):
    """What a first look at a file takes."""

    def missing_texts(self) -> tuple[str, ...]:
        """Return the texts that stand for nothing, besides an empty field."""
        return MISSING if self.missing is None else names_of(self.missing, "--missing")

    def separator_character(self) -> str | None:
        """Return the separator; None where it is to be found."""
        return separator_of(self.separator)

    def require_readable(self) -> None:
        """Refuse what :meth:`missing_texts` or :meth:`separator_character` cannot read.

        Raises
        ------
        BadInputError
            Names the parameter.
        """
        try:
            self.missing_texts()
            self.separator_character()
        except BadInputError as error:
            raise BadInputError(as_parameters(str(error))) from None


def _lists(model: type[Query]) -> set[str]:
    """Return the parameters that may be repeated."""
    found = set()
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        if any(get_origin(get_args(kind)[0] if get_origin(kind) is Annotated else kind) is list for kind in kinds):
            found.add(name)
    return found
