"""What clients send and get about the governance link."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from apps.backend import moments
from apps.backend.models.addresses import ModelName, VersionNumber

State = Literal["queued", "sent", "refused"]
SystemId = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")]
ControlId = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,100}$")]


class SystemOfModel(BaseModel):
    """The system in the governance store that a model is a part of. `control_id`: what its evidence is linked to."""

    model_config = ConfigDict(extra="forbid")

    system_id: SystemId
    control_id: ControlId | None = None


class PublicationWish(SystemOfModel):
    """Whose evidence is to be sent where."""

    model: ModelName
    version: VersionNumber


class GovernanceSystem(BaseModel):
    """A model and its system."""

    model: str
    system_id: str
    control_id: str | None
    created_at: str


class GovernanceSystems(BaseModel):
    """All that the organisation has."""

    systems: list[GovernanceSystem]


class PublishedItem(BaseModel):
    """One part of the evidence. `store_id`: what the store calls it; `problem`: why it is not sent, or not yet."""

    part: str
    name: str
    state: State
    tries: int
    problem: str | None
    ended_at: str | None
    store_id: str | None


class Publication(BaseModel):
    """Evidence of a version on its way to the governance store.

    `queued`: `problem` says what it waits for; `sent`: all items are; `refused`: the store or the registry refused
    something for good, and the others are sent. `evidence`: digest of the record, null until it was read. Items are
    shared by publications of the same evidence to the same system and control: what was sent is not sent again.
    """

    id: str
    model: str
    version: str
    system_id: str
    control_id: str | None
    requested_by: str
    created_at: str
    state: State
    evidence: str | None
    problem: str | None
    ended_at: str | None
    items: list[PublishedItem]


def item_of(row: Any) -> PublishedItem:
    """Return an item's row as clients get it."""
    return PublishedItem(
        part=row["part"],
        name=row["name"],
        state=row["state"],
        tries=row["tries"],
        problem=row["problem"],
        ended_at=_text(row["ended_at"]),
        store_id=row["store_id"],
    )


def publication_of(row: Any, items: list[PublishedItem]) -> Publication:
    """Return a publication's row as clients get it."""
    return Publication(
        id=row["id"],
        model=row["model"],
        version=row["version"],
        system_id=row["system_id"],
        control_id=row["control_id"],
        requested_by=row["requested_by"],
        created_at=moments.to_text(row["created_at"]),
        state=row["state"],
        evidence=row["evidence"],
        problem=row["problem"],
        ended_at=_text(row["ended_at"]),
        items=items,
    )


def _text(moment: int | None) -> str | None:
    return None if moment is None else moments.to_text(moment)
