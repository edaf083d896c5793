"""The one shape of every error of the native protocol."""

from pydantic import BaseModel, ConfigDict, Field

MISDIRECTED = "The Host header names no host of this server, which asks for no keys"
"""What the OpenAPI document says of 421, which any path may be answered with."""


class Shape(BaseModel):
    """A JSON object of the native protocol."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Misfit(Shape):
    """One thing that does not fit. `row` counts from 0 in `instances`; null where no single row is meant."""

    row: int | None = Field(default=None, ge=0)
    column: str | None = None
    problem: str
    expected: str | None = None


class ErrorBody(Shape):
    """`code` is stable and meant for programs; `message` is for people and ends with the act that repairs it."""

    code: str
    message: str
    findings: list[Misfit] = []


class ErrorAnswer(Shape):
    """Every error of every path has this shape."""

    error: ErrorBody
