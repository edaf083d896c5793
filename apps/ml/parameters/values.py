"""Kinds of values that sections are made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
OpenShare = Annotated[float, Field(gt=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Count = Annotated[int, Field(ge=1)]
Scaling = Literal["standard", "robust", "minmax", "none"]
NumericImputation = Literal["median", "mean", "most_frequent", "constant"]
Encoding = Literal["one_hot", "ordinal", "target"]


class Section(BaseModel):
    """A part of params.yaml: frozen, no key beyond the declared ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
