"""What clients send, bounded before anything is asked or written."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from apps.backend import moments
from apps.backend.identifiers import is_id
from apps.backend.problems import not_found

MOST_COLUMNS = 500
MOST_REPORTS = 1000
LONGEST_NAME = 200
LONGEST_WORDS = 4000
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)
"""A clock that goes fast, and a day that has begun elsewhere, are no error."""

VALUE = {"type": ["string", "number", "boolean", "null"]}


def _observable(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= datetime.now(UTC) + AHEAD:
        raise ValueError("a moment lies between the year 1900 and now. Mend it.")
    return moment


Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_WORDS)]
Moment = Annotated[moments.Moment, AfterValidator(_observable)]
Label = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]


def _named(what: str) -> AfterValidator:
    def require(name: str) -> str:
        if not is_id(name):
            raise not_found(what)
        return name

    return AfterValidator(require)


DecisionName = Annotated[str, _named("decision")]
AppealName = Annotated[str, _named("appeal")]
"""Names in paths: what cannot be a name is refused as one that is not there."""


class Body(BaseModel):
    """What is sent; keys that are not known are refused."""

    model_config = ConfigDict(extra="forbid")


class AskedDecision(Body):
    """An application to be decided.

    `application`: one value for each column of the model: a text, a number, a truth value, or null where it is not
    known; at most 64 KB. `subject`: your name for the person or the case. `counterfactual`: whether to say what would
    have led to the favourable decision, which takes the model server longest.
    """

    model: Name
    application: Annotated[
        dict[str, Any],
        Field(max_length=MOST_COLUMNS),
        WithJsonSchema({"type": "object", "maxProperties": MOST_COLUMNS, "additionalProperties": VALUE}),
    ]
    subject: Name | None = None
    counterfactual: Flag = False


class FiledAppeal(Body):
    """An objection. `grounds`: in the person's words."""

    grounds: Words


class AppealAnswered(Body):
    """The answer to an appeal. `words`: for the person; an appeal that is upheld changes the decision by an overrule
    alone."""

    upheld: Flag
    words: Words


class MadeOverrule(Body):
    """A person's decision, 0 or 1 as the model's. `reason`: for the file."""

    decision: Annotated[int, Field(strict=True, ge=0, le=1)]
    reason: Words


class ReportedOutcome(Body):
    """What came of a decision. `label`: 1 where the positive event came true, else 0; or the number where numbers are
    predicted. `observed_at`: when, with a time zone. `source`: who says so."""

    label: Label
    observed_at: Moment | None = None
    source: Name | None = None


class ReportedOutcomeOf(ReportedOutcome):
    """What came of one of many decisions."""

    decision_id: str = Field(max_length=LONGEST_NAME)
