"""The layout of the evidence record, format 2, as frozen types.

What is fixed is typed strictly: an unknown key is an error. Sections whose keys grow with what is measured
(:class:`OpenPart` and mappings of `Found`) hold measurements, plain values, and lists and mappings of them.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from apps.ml.evaluation.record.found import FINITE, Found, Measured
from apps.ml.evaluation.record.reasons import Reasons

FORMAT = 2
"""Number of the layout. A new number comes with a line in docs/ml/evidence.md that says what changed."""

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Whole = Annotated[int, Field(ge=0)]
Block = Annotated[list[Annotated[list[Whole], Field(min_length=2, max_length=2)]], Field(min_length=2, max_length=2)]
Weights = list[list[list[Annotated[float, Field(ge=0)]]]]


class Part(BaseModel):
    """A part with these keys and no other."""

    model_config = FINITE | ConfigDict(extra="forbid")


class OpenPart(BaseModel):
    """A part with these keys and further ones of open content."""

    model_config = FINITE | ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Found] = Field(init=False)


class Model(Part):
    """The model that was evaluated; `bundle_sha256` is over the manifest that holds the sha256 of every file in it."""

    estimator: str
    rounds: Whole | None
    converged: bool
    training_rows: Whole
    input_columns: list[str]
    encoded_features: Whole
    bundle_sha256: Digest


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
    """The evidence record of one model version, or of the decisions in one file."""

    format: Literal[2]
    digest: Digest
    subject: Literal["model", "decisions"]
    model: Model | None
    decision: Decision
    data: Data
    policy: Policy | None
    parameters: MeasuringParameters
    inference: Inference
    performance: Performance
    fairness: dict[str, AttributeFairness]
    counts: dict[str, Counts]
    curves: dict[str, Found]
    explainability: Explainability | NotExplained
    local_explanations: list[LocalExplanation]
    truth: dict[str, AgainstTruth]
    gates: dict[str, Found] | None

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
    def _model_cards_can_be_written(self) -> "Record":
        needed = {"performance.rows": self.performance.rows, "parameters.explanations": self.parameters.explanations}
        lacking = [name for name, part in needed.items() if part is None]
        if self.subject == "model" and lacking:
            raise ValueError(f"a record about model needs {', '.join(lacking)}")
        return self

    @model_validator(mode="after")
    def _rates_and_counts_agree(self) -> "Record":
        declared = {attribute.name for attribute in self.data.attributes}
        if len(declared) != len(self.data.attributes) or not declared == self.fairness.keys() == self.counts.keys():
            raise ValueError("data, fairness and counts speak of different attributes, or of one twice")
        for attribute, counts in self.counts.items():
            rows = {name: sum(map(sum, block)) for name, block in zip(counts.groups, counts.counts, strict=True)}
            told = {name: group.n for name, group in self.fairness[attribute].groups.items()}
            if len(rows) != len(counts.groups) or rows != told:
                raise ValueError(f"counts and fairness of '{attribute}' differ in groups or in their rows")
        if len({sum(sum(map(sum, block)) for block in counts.counts) for counts in self.counts.values()}) > 1:
            raise ValueError("the attributes count different numbers of rows")
        return self
