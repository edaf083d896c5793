"""What the record holds about reasons of unfavourable decisions, and what a statement of reasons must never hold.

References
----------
12 CFR 1002.9(b)(2) and Supplement I, comment 9(b)(2)-1 (no more than four reasons); 12 CFR 1002.6(b)(9) (no prohibited
basis is used).
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from apps.ml.evaluation.record.found import FINITE, Found, Measured


class _Open(BaseModel):
    model_config = FINITE | ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Found] = Field(init=False)


Whole = Annotated[int, Field(ge=0)]


class ReasonReference(_Open):
    """What persons are compared with; `band` says which of them, where it is not everybody."""

    rows: Whole
    drawn: Whole
    band: str | None = None


class Withheld(_Open):
    """Columns that are never given, and for how many persons one of them counted most."""

    columns: list[str]
    share: Measured


class ReasonFrequency(_Open):
    """How often one column is the first reason, and among the reasons."""

    column: str
    first: Measured
    given: Measured


class ReasonExample(_Open):
    """The statement for one row, named by its number."""

    row: Whole
    reasons: Annotated[list[str], Field(max_length=4)]


class Moved(_Open):
    """How far scores move once a factor is made typical."""

    mean_move: Measured
    share_moved: Measured | None = None


class MovedByFirst(Moved):
    """The same of the first reason, with how often they move at all."""

    share_moved: Measured


class Decided(_Open):
    """How often all reasons made typical decide favourably."""

    share_decided_favourably: Measured


class Faithfulness(_Open):
    """Whether factors that are given as reasons move scores, and further than others."""

    first_reason: MovedByFirst
    random_other: Moved
    difference: Moved
    all_reasons: Decided


class Stability(_Open):
    """Whether another sample of the reference gives the same reasons."""

    mean_jaccard: Measured
    first_agrees: Measured


class FirstReason(_Open):
    """The share of a group that has one column as first reason."""

    column: str
    share: Measured


class GroupReasons(_Open):
    """First reasons in one group."""

    n: Whole
    judged: bool
    first_reasons: list[FirstReason]
    without_reason: Measured


class AttributeReasons(_Open):
    """First reasons by group of one attribute, and the largest difference between judged ones."""

    groups: dict[str, GroupReasons]
    difference: Measured


class Reasons(_Open):
    """Principal reasons: how they were selected, how often each is given, whether they can be trusted.

    Either everything that a document of reasons needs, or why they are `undefined`; without any key nobody looked.
    """

    undefined: Annotated[str, Field(min_length=1)] | None = None
    method: str | None = None
    limits: list[str] | None = None
    reference: ReasonReference | None = None
    rows: Whole | None = None
    unfavourable_rows: Whole | None = None
    withheld: Withheld | None = None
    reasons_by_frequency: list[ReasonFrequency] | None = None
    without_reason: Measured | None = None
    faithfulness: Faithfulness | None = None
    stability: Stability | None = None
    by_group: dict[str, AttributeReasons] | None = None
    examples: list[ReasonExample] | None = None

    @model_validator(mode="after")
    def _complete_or_undefined(self) -> "Reasons":
        lacking = [name for name in type(self).model_fields if name != "undefined" and getattr(self, name) is None]
        if self.undefined is None and self.model_fields_set and lacking:
            raise ValueError(f"reasons need {', '.join(lacking)}, or why they are undefined")
        return self

    @model_validator(mode="after")
    def _nothing_withheld_is_given(self) -> "Reasons":
        withheld = set(self.withheld.columns) if self.withheld is not None else set()
        given = {one.column for one in self.reasons_by_frequency or ()}
        if withheld & given:
            raise ValueError("a column that is withheld is given as a reason")
        return self
