"""The parts of a record about a model that predicts numbers: what takes the place of decisions, counts and curves."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from apps.ml.evaluation.record.parts import OpenPart, Part, Whole

Line = list[float]


class PredictedNumber(Part):
    """What the model predicts: `positive_name` is what the number is called, `unit` what it is counted in.

    `favourable`: whether a high (`positive`) or a low number is good for the person. There is no decision, so there is
    no threshold, no rule and no name of another outcome.
    """

    threshold: None
    threshold_rule: None
    positive_name: str
    negative_name: None
    favourable: Literal["positive", "negative"]
    unit: str


class NumberPerformance(OpenPart):
    """How far predictions lie from labels, on how many rows."""

    rows: Whole
    positive_name: str
    unit: str
    favourable: Literal["positive", "negative"]


class GroupMoments(Part):
    """Rows, means and sums of squared deviations of each quantity by group; null where a group has too few rows."""

    groups: list[str]
    quantities: list[str]
    n: list[Whole]
    means: list[Line | None]
    squares: list[Line | None]

    @model_validator(mode="after")
    def _a_line_per_group(self) -> "GroupMoments":
        if not len(self.groups) == len(self.n) == len(self.means) == len(self.squares):
            raise ValueError("moments need one line per group")
        lines = [line for part in (self.means, self.squares) for line in part if line is not None]
        if any(len(line) != len(self.quantities) for line in lines):
            raise ValueError("moments need one number per quantity")
        return self


class Histogram(Part):
    """Rows between edges; what lies beyond is counted at the ends."""

    edges: Line
    counts: list[Whole]

    @model_validator(mode="after")
    def _a_count_per_bin(self) -> "Histogram":
        if len(self.counts) != max(0, len(self.edges) - 1):
            raise ValueError("a histogram needs one count between two edges")
        return self


class SquareHistogram(Part):
    """Rows by [predicted][observed] between edges that are the same for both."""

    edges: Line
    counts: list[list[Whole]]

    @model_validator(mode="after")
    def _a_count_per_cell(self) -> "SquareHistogram":
        steps = max(0, len(self.edges) - 1)
        if len(self.counts) != steps or any(len(line) != steps for line in self.counts):
            raise ValueError("counts need one cell between two edges of each axis")
        return self


class ErrorBin(Part):
    """Errors of rows with neighbouring predictions; `quantiles` at .1, .25, .5, .75 and .9."""

    mean_prediction: float
    mean_label: float
    mean_error: float
    lower: float
    upper: float
    quantiles: Annotated[Line, Field(min_length=5, max_length=5)]
    n: Whole


class GroupCurves(Part):
    """Predictions of one group in the bins of all rows, their median, and its errors; empty where rows are too few."""

    counts: list[Whole]
    median: float | None
    errors_by_prediction: list[ErrorBin]


class NumberCurves(Part):
    """What pictures of predicted numbers are drawn from."""

    predicted_and_observed: SquareHistogram
    errors_by_prediction: list[ErrorBin]
    errors: Histogram
    predictions: Histogram
    by_group: dict[str, dict[str, GroupCurves]]
