"""What clients ask of bias tests."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StrictBool, StrictInt, StrictStr

from apps.backend.bias_tests.metrics import METRICS, MetricName, Need, lacking

PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
LONGEST_COLUMN = 200
MOST_WORDS = 10
MOST_BANDS = 20
LARGEST_WHOLE = 2**53

ModelId = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]
ColumnName = Annotated[str, Field(min_length=1, max_length=LONGEST_COLUMN, pattern=PRINTABLE)]
Word = (
    StrictBool
    | Annotated[StrictInt, Field(ge=-LARGEST_WHOLE, le=LARGEST_WHOLE)]
    | Annotated[FiniteFloat, Field(strict=True)]
    | Annotated[StrictStr, Field(min_length=1, max_length=100, pattern=PRINTABLE)]
)
Words = Word | Annotated[list[Word], Field(min_length=1, max_length=MOST_WORDS)]


class Detection(BaseModel):
    """A test of the decisions in a data set by one sensitive attribute."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "model_id": "loan_applications",
                    "dataset_id": "0198f6a4-2b6e-7c51-9d0e-3f1a2b4c5d6e",
                    "protected_attribute": "gender",
                    "prediction_column": "approved",
                    "ground_truth_column": "repaid",
                    "positive_label": 1,
                    "fairness_threshold": 0.8,
                    "metrics": ["demographic_parity", "equal_opportunity"],
                }
            ]
        },
    )

    model_id: ModelId = Field(description="The model whose decisions these are; one that your organisation may use.")
    dataset_id: str = Field(min_length=1, max_length=36, description="What the upload answered.")
    protected_attribute: ColumnName = Field(description="The column whose values make the groups.")
    prediction_column: ColumnName | None = Field(
        None, description="The column of decisions; each is one of two outcomes. Without it, `score_threshold` decides."
    )
    ground_truth_column: ColumnName | None = Field(None, description="The column of what truly happened.")
    score_column: ColumnName | None = Field(
        None, description="The column of probabilities of the positive event, from 0 to 1; calibration needs it."
    )
    score_threshold: FiniteFloat | None = Field(
        None, description="Instead of `prediction_column`: decided positive from this score on."
    )
    positive_label: Words | None = Field(
        None,
        description="The value, or the values, of the predicted event, in decisions and truth alike. Default: 1, true "
        "and yes.",
    )
    negative_label: Words | None = Field(
        None, description="The values of the other outcome, where a column has several of them."
    )
    favourable_label: Words | None = Field(
        None,
        description="The values that are good for the person: either positive ones, or values that are not positive, "
        "and then the absence of the event is good. Default: the positive ones.",
    )
    fairness_threshold: float = Field(
        0.8,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Ratios are to be at least this, differences at most 1 minus this.",
    )
    metrics: list[MetricName] = Field(
        default=[], max_length=50, description="What is asked; empty: everything that the columns allow."
    )
    bands: Annotated[list[FiniteFloat], Field(min_length=1, max_length=MOST_BANDS)] | None = Field(
        None, description="Lower bounds that put the numbers of the protected attribute into bands, ascending."
    )
    missing_values: Words | None = Field(
        None,
        description="Texts that stand for nothing, besides an empty field. Default: NA, NaN, null, ? and the like.",
    )
    leave_out_missing: bool = Field(
        False, description="Leave rows without decision, truth or score out and count them, instead of refusing."
    )

    @property
    def columns(self) -> dict[str, str | None]:
        """Field → column, None where it names none."""
        return {
            "protected_attribute": self.protected_attribute,
            "prediction_column": self.prediction_column,
            "ground_truth_column": self.ground_truth_column,
            "score_column": self.score_column,
        }

    @property
    def asked(self) -> tuple[MetricName, ...]:
        """The metrics that are asked, each once; where none is named, those that can be measured."""
        if self.metrics:
            return tuple(dict.fromkeys(self.metrics))
        return tuple(name for name, metric in METRICS.items() if not self.lacks(name))

    def lacks(self, name: MetricName) -> Need | None:
        """Return what a metric needs and no column gives: `labels` or `scores`; None where nothing is."""
        return lacking(METRICS[name], self.ground_truth_column is not None, self.score_column is not None)
