"""What every part of the record is made of: closed and open parts, digests and whole numbers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from apps.ml.evaluation.record.found import FINITE, Found

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Whole = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """A part with these keys and no other."""

    model_config = FINITE | ConfigDict(extra="forbid")


class OpenPart(BaseModel):
    """A part with these keys and further ones of open content."""

    model_config = FINITE | ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Found] = Field(init=False)
