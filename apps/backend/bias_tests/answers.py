"""What bias tests answer."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from apps.backend.bias_tests.file_kinds import Kind
from apps.backend.bias_tests.metrics import Direction, MetricName
from apps.backend.upstreams.audits import ColumnType

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
MetricVerdict = Literal["PASS", "FAIL", "INCONCLUSIVE", "UNDEFINED"]
Risk = Literal["low", "medium", "high", "critical", "undetermined"]
Interval = tuple[float | None, float | None]
Cell = str | int | float | bool | None


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class DatasetSummary(_Answer):
    """A data set, as lists show it."""

    dataset_id: str
    name: str
    kind: Kind
    bytes: int
    rows: int
    sha256: str = Field(description="Of the file, as hexadecimal digits; the evidence of a test names it too.")
    uploaded_at: str
    uploaded_by: str


class Dataset(DatasetSummary):
    """A data set with its columns and first rows."""

    columns: list[str]
    column_types: dict[str, ColumnType]
    preview: list[dict[str, Cell]] = Field(description="The first rows; long texts are cut.")


class GroupScore(_Answer):
    """A group's part in a metric."""

    value: float | None = Field(description="The rate, or null where there is none; `why` says why.")
    interval: Interval | None
    n: int = Field(description="Rows of the group that the rate is a share of.")
    judged: bool = Field(description="Whether the group enters the comparison: known, and large enough.")
    why: str | None = Field(None, description="Why it is not judged, or has no value.")


class MetricResult(_Answer):
    """One metric: the engine's number, interval and verdict, and what they mean."""

    score: float | None = Field(description="The measurement that is held against `limit`.")
    passed: bool | None = Field(description="true PASS, false FAIL, null where the rows do not tell.")
    verdict: MetricVerdict
    disparity: float | None = Field(description="The largest gap between two groups' rates.")
    interval: Interval | None = Field(description="Of the score; a null end is unbounded.")
    simultaneous_interval: Interval | None = Field(
        description="Of the score, at the confidence at which the intervals of all comparisons hold at once."
    )
    group_scores: dict[str, GroupScore]
    interpretation: str
    recommendations: list[str]
    measurement: str = Field(description="The engine's name of the score; docs/ml/fairness_metrics.md defines it.")
    direction: Direction
    limit: float
    reason: str = Field(description="The engine's words for the verdict.")
    rate: str | None = Field(description="In which rate the groups were compared; `group_scores` shows it.")
    lowest: str | None = None
    highest: str | None = None
    n: int | None = Field(None, description="Rows of the judged groups.")
    confidence: float | None = None
    p_value: float | None = Field(None, description="Of failing.")
    adjusted_p_value: float | None = Field(None, description="The same after Holm's adjustment for the family.")
    family: int | None = Field(None, description="Measurements that were judged together.")
    rows_to_decide: int | None = Field(
        None, description="About how many rows would settle INCONCLUSIVE if the estimate stayed."
    )


class Guard(_Answer):
    """What good-looking numbers can hide, such as decisions that are all alike."""

    verdict: Verdict
    reason: str


class BiasTestSummary(_Answer):
    """A bias test, as lists show it."""

    test_id: str
    model_id: str
    dataset_id: str
    dataset_name: str
    timestamp: str
    requested_by: str
    protected_attribute: str
    fairness_threshold: float
    rows: int = Field(description="Rows that were audited.")
    verdict: Verdict = Field(
        description="FAIL if anything fails, else INCONCLUSIVE if anything is not known, else PASS."
    )
    overall_risk: Risk
    metrics_passed: int
    metrics_failed: int
    metrics_inconclusive: int
    metrics_undefined: int
    summary: str
    evidence: str = Field(description="Digest of the engine's evidence record.")


class BiasTest(BiasTestSummary):
    """A bias test, whole."""

    results: dict[MetricName, MetricResult]
    guards: dict[str, Guard]
    recommendations: list[str]
    notes: list[str]


class BiasTestEvidence(_Answer):
    """The engine's evidence record, from which every number of the test can be computed again."""

    test_id: str
    evidence: str
    record: dict[str, Any]


class MetricStatistics(_Answer):
    """One metric over many tests."""

    passed: int
    failed: int
    inconclusive: int
    undefined: int
    median_score: float | None = Field(description="Over the tests that measured it; null where none did.")


class ModelStatistics(_Answer):
    """The tests of one model."""

    model_id: str
    tests: int
    passed: int
    failed: int
    inconclusive: int
    newest: str


class Statistics(_Answer):
    """Counts over the organisation's tests."""

    total_tests: int
    datasets: int
    verdicts: dict[Verdict, int]
    risk_distribution: dict[Risk, int]
    pass_rate: float | None = Field(description="Share of all tests that pass; null where there is none.")
    median_rows: float | None
    models: list[ModelStatistics] = Field(description="Those with the newest tests first, at most 200.")
    metrics: dict[MetricName, MetricStatistics]
