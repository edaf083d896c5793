"""The shapes of an explanation, as the OpenAPI document shows them."""

from typing import Literal

from pydantic import Field

from apps.ml.deployment.requests.error_shape import Shape


class ColumnContribution(Shape):
    """What one input column adds to the output; an interaction of two columns is named `a × b`."""

    column: str
    contribution: float


class PrincipalReason(Shape):
    """What weighed against the person. `code` is `<column>.<direction>`; `words` never hold the person's value."""

    code: str
    column: str
    direction: Literal["low", "high", "missing", "category"]
    words: str


class Change(Shape):
    """One changed column: what it would have to be, and how far that is in robust deviations (1 for a category)."""

    column: str
    direction: Literal["increase", "decrease", "change"]
    value: float | str
    deviations: float


class Way(Shape):
    """The smallest change found that leads to the favourable decision; it was decided once more by the scorer."""

    changes: list[Change] = Field(description="The dearest first.")
    cost: float = Field(description="Sum of the deviations.")


class ExplanationShape(Shape):
    """The explanation of one answer. What was not asked for is null; what is undefined is null too, and in `undefined`.

    `base` and all contributions add up to the score on the scale of `output`. They explain the score; reasons and
    counterfactual explain the decision, mitigation included.
    """

    output: Literal["log-odds", "probability", "value"] | None
    base: float | None = Field(description="The output before any column is looked at.")
    contributions: list[ColumnContribution] | None = Field(description="The largest first.")
    method: str | None = Field(description="How contributions were computed.")
    sampling_error: float | None = Field(description="Standard error of one contribution, where they are sampled.")
    reasons: list[PrincipalReason] | None = Field(description="At most four, the strongest first.")
    reasons_method: str | None = Field(description="How reasons are chosen, and with whom the person is compared.")
    strongest_withheld: bool | None = Field(
        description="Whether what counted most is sensitive or a declared proxy, which is never given as a reason."
    )
    counterfactual: Way | None
    undefined: dict[str, str] = Field(description="Part → why it is undefined.")
