"""What clients get: decisions, and what stands beside them. Moments are ISO 8601 in UTC."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from apps.backend import moments

Binary = Literal[0, 1]
Kind = Literal["favourable", "unfavourable"]
State = Literal["made", "appealed", "overruled"]
ReportState = Literal["pending", "sent", "refused"]


class Reason(BaseModel):
    """A principal reason of an unfavourable decision. `words`: for the person."""

    code: str
    column: str
    direction: Literal["low", "high", "missing", "category"]
    words: str


class Contribution(BaseModel):
    """What one column adds to the model's output."""

    column: str
    contribution: float


class Change(BaseModel):
    """What one column would have to be. `deviations`: how far that is, in robust deviations."""

    column: str
    direction: Literal["increase", "decrease", "change"]
    value: float | str
    deviations: float


class Counterfactual(BaseModel):
    """The smallest change found that leads to the favourable decision. `cost`: the sum of the deviations."""

    changes: list[Change]
    cost: float


class Report(BaseModel):
    """What came of a decision, as it was reported.

    `state`: pending until the model server took it; refused where it never will. `code`: what its last failed try
    ended with.
    """

    id: str
    decision_id: str
    reported_at: str
    reported_by: str
    reported_by_name: str
    label: float
    observed_at: str | None
    source: str | None
    state: ReportState
    tries: int
    sent_at: str | None
    code: str | None


class Reports(BaseModel):
    """Reports of one request, in its order."""

    outcomes: list[Report]


class Overrule(BaseModel):
    """A person's decision instead of the model's."""

    id: str
    decision_id: str
    overruled_at: str
    overruled_by: str
    overruled_by_name: str
    decision: Binary
    outcome: Kind
    outcome_words: str
    reason: str


class AppealAnswer(BaseModel):
    """How an appeal was answered."""

    answered_at: str
    answered_by: str
    answered_by_name: str
    upheld: bool
    words: str


class Appeal(BaseModel):
    """An objection to a decision. `answer`: null while it is open."""

    id: str
    decision_id: str
    filed_at: str
    filed_by: str
    filed_by_name: str
    grounds: str
    answer: AppealAnswer | None


class Standing(BaseModel):
    """The decision that is valid now. `by`: whose it is; `actor`, `name` and `reason`: null where it is the model's.

    `decision`, `outcome`, `outcome_words`: null where a number is predicted and nothing decided.
    """

    by: Literal["model", "person"]
    actor: str | None
    name: str | None
    at: str
    decision: Binary | None
    outcome: Kind | None
    outcome_words: str | None
    reason: str | None


class DecisionSummary(BaseModel):
    """One decision in a list.

    `outcome`, `outcome_words`: what the model's decision is for the person, and what the version calls it. `standing`:
    what is valid now. `state`: appealed while an appeal is open, else overruled if a person decided, else made.
    `reported`: what came of it, as it was reported last. `evidence`: digest of what was measured about the version.
    """

    id: str
    created_at: str
    asked_by: str
    asked_by_name: str
    request_id: str | None
    subject: str | None
    model: str
    version: str | None
    evidence: str | None
    prediction_id: str
    score: float
    decision: Binary | None
    threshold: float | None
    outcome: Kind | None
    outcome_words: str | None
    state: State
    standing: Standing
    appeals: int
    open_appeals: int
    overrules: int
    reported: Report | None


class Decision(DecisionSummary):
    """One decision with everything that it rests on.

    `base` and `contributions`, the largest first, add up to the score on the scale `output`; `sampling_error`: standard
    error of one contribution where they are sampled. `reasons`: at most four, the strongest first;
    `strongest_withheld`: whether what counted most is sensitive or a declared proxy, which is never given as a reason.
    `undefined`: why a part has no value.
    """

    application: dict[str, Any]
    reasons: list[Reason] | None
    reasons_method: str | None
    strongest_withheld: bool | None
    contributions: list[Contribution] | None
    output: Literal["log-odds", "probability", "value"] | None
    base: float | None
    method: str | None
    sampling_error: float | None
    counterfactual: Counterfactual | None
    undefined: dict[str, str]


class ToldDecision(BaseModel):
    """A decision in plain words for the person: `text` is the sentences in paragraphs."""

    decision_id: str
    model: str
    version: str | None
    decided_at: str
    outcome: Kind | None
    outcome_words: str | None
    reasons: list[str] = Field(description="In words, the strongest first; empty where none is told.")
    text: str


def text_of(moment: int | None) -> str | None:
    """Return a moment that may be missing."""
    return None if moment is None else moments.to_text(moment)


def kind_of(decision: int | None, favourable: int | None) -> Kind | None:
    """Return what a decision is for the person; None where nothing is decided."""
    if decision is None or favourable is None:
        return None
    return "favourable" if decision == favourable else "unfavourable"


def words_of(row: Mapping[str, Any], decision: int | None) -> str | None:
    """Return what the version that decided calls this decision."""
    if decision is None:
        return None
    return str(row["positive_name"] if decision else row["negative_name"])
