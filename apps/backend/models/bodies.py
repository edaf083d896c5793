"""What clients send and get about promotions."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from apps.backend import moments
from apps.backend.models.addresses import ModelName, VersionNumber, Words
from apps.backend.upstreams.registry_answers import Verdict

Kind = Literal["promotion", "rollback"]
State = Literal["requested", "refused", "withdrawn", "approved", "done", "not_promoted", "stale"]


class Wish(BaseModel):
    """What is asked for: to make `version` the champion, or, in a roll back, the champion before the present one."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    model: ModelName
    version: VersionNumber | None = None
    reason: Words

    @model_validator(mode="after")
    def names_what_it_is_about(self) -> "Wish":
        """A promotion names its version, a roll back none."""
        if (self.version is None) == (self.kind == "promotion"):
            raise ValueError("a promotion names a version and a rollback names none. Add it, or leave it out.")
        return self


class Opinion(BaseModel):
    """What the second person says."""

    model_config = ConfigDict(extra="forbid")

    words: Words


class Person(BaseModel):
    """Who did something, and when. `actor`: `user:<id>` or `key:<id>`."""

    actor: str
    name: str
    at: str


class Result(BaseModel):
    """What the registry made of it.

    `before` and `after`: the champion; `verdict`: of the version; `code`, `reason` and `findings`: why it was not done;
    `was_found_done`: the registry's answer was lost, and the champion was found changed as asked for.
    """

    before: str | None = None
    after: str | None = None
    verdict: Verdict | None = None
    code: str | None = None
    reason: str | None = None
    findings: list[Any] = []
    was_found_done: bool = False


class Promotion(BaseModel):
    """A promotion or roll back that somebody asked for.

    `requested`: a second person is needed; `approved`: it is being done, `problem` says what it waits for; final are
    `refused`, `withdrawn`, `done`, `not_promoted` (gates or comparison do not allow it) and `stale` (the champion is
    another than when it was asked for, or nobody could do it for a day). `champion`: when it was asked for.
    """

    id: str
    kind: Kind
    model: str
    version: str | None
    champion: str | None
    reason: str
    state: State
    requested: Person
    decided: Person | None = Field(description="Who approved or refused it.")
    words: str | None
    result: Result | None
    ended_at: str | None
    tries: int
    problem: str | None


def promotion_of(row: Any) -> Promotion:
    """Return a row as clients get it."""
    decided = row.decided_by and Person(
        actor=row.decided_by, name=row.decided_by_name, at=moments.to_text(row.decided_at)
    )
    asked = Person(actor=row.requested_by, name=row.requested_by_name, at=moments.to_text(row.requested_at))
    return Promotion(
        id=row.id,
        kind=row.kind,
        model=row.model,
        version=row.version,
        champion=row.champion,
        reason=row.reason,
        state=row.state,
        requested=asked,
        decided=decided,
        words=row.words,
        result=None if row.result is None else Result.model_validate(row.result),
        ended_at=None if row.ended_at is None else moments.to_text(row.ended_at),
        tries=row.tries,
        problem=row.problem,
    )
