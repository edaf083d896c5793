"""The layout of the evidence record, format 3, as frozen types.

What is fixed is typed strictly: an unknown key is an error. Sections whose keys grow with what is measured
(:class:`OpenPart` and mappings of `Found`) hold measurements, plain values, and lists and mappings of them. A record
is about decisions (:class:`DecisionRecord`) or about predicted numbers (:class:`NumberRecord`); its `task` says which.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from apps.ml.data.processed import CLASSIFICATION, REGRESSION, Task
from apps.ml.evaluation.record.found import Found, Measured
from apps.ml.evaluation.record.numbers import GroupMoments, NumberCurves, NumberPerformance, PredictedNumber
from apps.ml.evaluation.record.parts import Digest, OpenPart, Part, Whole
from apps.ml.evaluation.record.reasons import Reasons

FORMAT = 3
"""Number of the layout. A new number comes with a line in docs/ml/evidence.md that says what changed."""

READ_FORMATS = (2, 3)
"""Formats whose records are read; one of format 2 is always about decisions."""

Block = Annotated[list[Annotated[list[Whole], Field(min_length=2, max_length=2)]], Field(min_length=2, max_length=2)]
Weights = list[list[list[Annotated[float, Field(ge=0)]]]]


class ModelMitigation(Part):
    """What was done about gaps between groups when the model was trained, and what that found."""

    method: str
    attribute: str
    constraint: str
    tolerance: float
    estimates_sensitive: bool
    found: dict[str, Found]


class Model(Part):
    """The model that was evaluated; `bundle_sha256` is over the manifest that holds the sha256 of every file in it.

    `monotone`: input column → direction in which the score may move with it. `calibration`: how scores were calibrated.
    Both are null, as `mitigation` is, where nothing was done; records of format 2 do not tell.
    """

    estimator: str
    rounds: Whole | None
    converged: bool
    training_rows: Whole
    input_columns: list[str]
    encoded_features: Whole
    bundle_sha256: Digest
    mitigation: ModelMitigation | None = None
    monotone: dict[str, str] | None = None
    calibration: str | None = None


class Decision(Part):
    """What a decision means; threshold and rule are null where decisions came without a model."""

    threshold: float | None
    threshold_rule: str | None
    positive_name: str
    negative_name: str
    favourable: Literal["positive", "negative"]


class Column(OpenPart):
    """One column: of a model's data by kind, of an audited file by the role it was given."""

    name: str
    kind: str | None = None
    role: str | None = None
    nullable: bool | None = None
    sensitive: bool = False
    description: str = ""


class Attribute(Part):
    """One sensitive attribute: the columns it is made of (several: an intersection) and its groups."""

    name: str
    columns: list[str]
    groups: list[str]
    bands: Found = None


class Data(Part):
    """The rows: which data set, where from, how divided, what is known to be wrong with them.

    `source_kind`: `generator` (made up), `files`, `openml`, `sql`, `audited_file`, or `unknown`.
    """

    dataset: str
    title: str
    split: str | None
    rows: dict[str, Whole]
    source_digest: Digest | Literal[""]
    source_kind: str
    licence: str
    known_faults: list[str]
    leave_out: dict[str, str]
    held_out: list[str]
    columns: list[Column]
    attributes: list[Attribute]
    notes: list[str]


class Policy(OpenPart):
    """What decisions depend on besides the features, and how the test rows were used."""

    uses_sensitive: bool
    sensitive_inputs: list[str]
    needs_sensitive_at_prediction: bool
    randomised: bool
    test_rows_seen_once: bool


class ExplanationParameters(OpenPart):
    """How much documents show of the explanations; 12 CFR 1002.9(b)(2) is read as at most four reasons."""

    top_features: Annotated[int, Field(ge=1)]
    reasons: Annotated[int, Field(ge=1, le=4)]


class MeasuringParameters(OpenPart):
    """How the evaluation measured."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    minimum_group_size: Annotated[int, Field(ge=1)]
    explanations: ExplanationParameters | None = None


class Inference(OpenPart):
    """How sure single numbers and all numbers together are."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    simultaneous: Found = None


class Group(OpenPart):
    """One group of an attribute: rows, whether it enters comparisons (if not, why), its rates."""

    n: Whole
    judged: bool
    why_not: str | None = None


class Reference(Part):
    """Signed comparisons of every group with one reference group; null where none is judged."""

    group: str | None
    comparisons: dict[str, dict[str, Found]]


class AttributeFairness(OpenPart):
    """One attribute: comparisons between its groups by name, then the groups."""

    groups: dict[str, Group]
    reference: Reference | None = None
    conditional: dict[str, Found] = {}
    individual: dict[str, Found] = {}


class Counts(Part):
    """Rows of every group by [label][decision]; sums of weights and of their squares where rows are weighted."""

    groups: list[str]
    labelled: bool
    counts: list[Block]
    weights: Weights | None = None
    squares: Weights | None = None

    @model_validator(mode="after")
    def _a_block_per_group(self) -> "Counts":
        parts = [part for part in (self.counts, self.weights, self.squares) if part is not None]
        if any(len(part) != len(self.groups) for part in parts):
            raise ValueError("counts need one 2 × 2 block per group")
        if (self.weights is None) != (self.squares is None):
            raise ValueError("sums of weights come with sums of their squares")
        return self


class Performance(OpenPart):
    """How well all rows were decided; `rows` is how many they were, null where nothing was measured."""

    rows: Whole | None = None


class Lime(OpenPart):
    """Local linear surrogates: how well they fit and whether they repeat."""

    mean_r2: Measured
    stability: Measured


class AgainstTruth(OpenPart):
    """Scores against one column of true probabilities."""

    correlation: Measured
    mean_absolute_error: Measured
    mean_error: Measured


class Explainability(OpenPart):
    """Which columns move scores, how the model behaves, and which reasons decisions have."""

    method: str
    output: str
    rows: Whole
    lime: Lime
    importance: dict[str, Found]
    additivity_error: float | None = None
    undefined: str | None = None
    behaviour: dict[str, Found] = {}
    reasons: Reasons = Reasons()
    counterfactuals: dict[str, Found] = {}

    @model_validator(mode="after")
    def _contributions_or_reason(self) -> "Explainability":
        if self.undefined is None and self.additivity_error is None:
            raise ValueError("contributions have an additivity error or a reason why they are undefined")
        return self


class NotExplained(Part):
    """Decisions without a model have no explanation."""


class LocalExplanation(OpenPart):
    """Why one sampled row, named by its number alone, got its score."""

    row: Whole
    score: float
    output: str
    base: float | None = None
    contributions: dict[str, float] = {}
    other_columns: float | None = None


class Record(Part):
    """The evidence record of one model version, or of the decisions in one file.

    `mitigation`: what the constraint of a mitigation came to on rows, null where nothing was measured of one.
    """

    format: Literal[2, 3]
    digest: Digest
    task: Task = CLASSIFICATION
    subject: Literal["model", "decisions"]
    model: Model | None
    data: Data
    policy: Policy | None
    parameters: MeasuringParameters
    inference: Inference
    fairness: dict[str, AttributeFairness]
    explainability: Explainability | NotExplained
    local_explanations: list[LocalExplanation]
    truth: dict[str, AgainstTruth]
    gates: dict[str, Found] | None
    mitigation: dict[str, Found] | None = None

    @model_validator(mode="after")
    def _a_new_format_names_its_task(self) -> "Record":
        if (self.format == FORMAT) != ("task" in self.model_fields_set):
            raise ValueError(f"a record names its task from format {FORMAT} on")
        return self

    @model_validator(mode="after")
    def _subject_has_its_parts(self) -> "Record":
        parts = {
            "model": self.model is not None,
            "policy": self.policy is not None,
            "explainability": isinstance(self.explainability, Explainability),
        }
        wrong = [name for name, there in parts.items() if there != (self.subject == "model")]
        if wrong:
            verb = "needs" if self.subject == "model" else "has no"
            raise ValueError(f"a record about {self.subject} {verb} {', '.join(wrong)}")
        return self

    @model_validator(mode="after")
    def _documents_can_be_written(self) -> "Record":
        if self.subject == "model" and self.parameters.explanations is None:
            raise ValueError("a record about model needs parameters.explanations")
        return self


class DecisionRecord(Record):
    """A record about decisions."""

    task: Literal["binary_classification"] = "binary_classification"
    decision: Decision
    performance: Performance
    counts: dict[str, Counts]
    curves: dict[str, Found]

    @model_validator(mode="after")
    def _model_cards_can_be_written(self) -> "DecisionRecord":
        if self.subject == "model" and self.performance.rows is None:
            raise ValueError("a record about model needs performance.rows")
        return self

    @model_validator(mode="after")
    def _rates_and_counts_agree(self) -> "DecisionRecord":
        _require_same_attributes(self, self.counts, "counts")
        for attribute, counts in self.counts.items():
            rows = {name: sum(map(sum, block)) for name, block in zip(counts.groups, counts.counts, strict=True)}
            _require_same_rows(self, attribute, rows, counts.groups, "counts")
        if len({sum(sum(map(sum, block)) for block in counts.counts) for counts in self.counts.values()}) > 1:
            raise ValueError("the attributes count different numbers of rows")
        return self


class NumberRecord(Record):
    """A record about predicted numbers: without counts of decisions, with moments of predictions, labels and errors."""

    format: Literal[3]
    task: Literal["regression"]
    subject: Literal["model"]
    decision: PredictedNumber
    performance: NumberPerformance
    counts: Annotated[dict[str, Found], Field(max_length=0)]
    moments: dict[str, GroupMoments]
    curves: NumberCurves

    @model_validator(mode="after")
    def _means_and_moments_agree(self) -> "NumberRecord":
        _require_same_attributes(self, self.moments, "moments")
        for attribute, moments in self.moments.items():
            rows = dict(zip(moments.groups, moments.n, strict=True))
            _require_same_rows(self, attribute, rows, moments.groups, "moments")
        if len({sum(moments.n) for moments in self.moments.values()}) > 1:
            raise ValueError("the attributes have moments of different numbers of rows")
        return self


def task_of(record: Mapping[str, Any]) -> Task:
    """Return what a record is about; one of format 2 does not say so and is about decisions."""
    return REGRESSION if record.get("task") == REGRESSION else CLASSIFICATION


def layout_of(record: Mapping[str, Any]) -> type[Record]:
    """Return the layout that a record must have."""
    return NumberRecord if task_of(record) == REGRESSION else DecisionRecord


def _require_same_attributes(record: Record, counted: Mapping[str, Any], name: str) -> None:
    declared = {attribute.name for attribute in record.data.attributes}
    distinct = len(declared) == len(record.data.attributes)
    if not distinct or not declared == record.fairness.keys() == counted.keys():
        raise ValueError(f"data, fairness and {name} speak of different attributes, or of one twice")


def _require_same_rows(record: Record, attribute: str, rows: Mapping[str, int], groups: list[str], name: str) -> None:
    told = {group: found.n for group, found in record.fairness[attribute].groups.items()}
    if len(rows) != len(groups) or rows != told:
        raise ValueError(f"{name} and fairness of '{attribute}' differ in groups or in their rows")
