"""The layout of the evidence record, format 2, as frozen types.

What is fixed is typed strictly: an unknown key is an error. Sections whose keys grow with what is measured
(:class:`OpenPart` and mappings of `Found`) hold measurements, plain values, and lists and mappings of them.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from apps.ml.evaluation.record.found import FINITE, Found

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


class MeasuringParameters(OpenPart):
    """How the evaluation measured."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    minimum_group_size: Annotated[int, Field(ge=1)]


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


class Explainability(OpenPart):
    """Which columns move scores, how the model behaves, and which reasons decisions have."""

    method: str
    output: str
    rows: Whole
    lime: dict[str, Found]
    importance: dict[str, Found]
    additivity_error: float | None = None
    undefined: str | None = None
    behaviour: dict[str, Found] = {}
    reasons: dict[str, Found] = {}
    counterfactuals: dict[str, Found] = {}


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
    performance: dict[str, Found]
    fairness: dict[str, AttributeFairness]
    counts: dict[str, Counts]
    curves: dict[str, Found]
    explainability: Explainability | NotExplained
    local_explanations: list[LocalExplanation]
    truth: dict[str, Found]
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
    def _rates_and_counts_agree(self) -> "Record":
        for attribute, counts in self.counts.items():
            groups = self.fairness[attribute].groups if attribute in self.fairness else {}
            for name, block in zip(counts.groups, counts.counts, strict=True):
                rows = sum(map(sum, block))
                if name not in groups or groups[name].n != rows:
                    raise ValueError(f"counts and fairness of '{attribute}' differ in groups or in their rows")
        return self
