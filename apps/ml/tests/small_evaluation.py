"""A small evaluation with every corner: names that need escaping, small and empty-handed groups, a known truth.

And a small audit of decisions without a model: sex, race and both crossed, a category of under 2 %, unknown persons.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import JOINED_BY, AttributeSchema, ColumnSchema, ProcessedSchema
from apps.ml.evaluation.curves import curves_of
from apps.ml.evaluation.evidence import Findings, assemble_evidence
from apps.ml.evaluation.explanations.behaviour import BehaviourRows, explain_behaviour
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.decisions import DecisionExplanations, DecisionRows, explain_decisions
from apps.ml.evaluation.explanations.explanation import ExplainedRows, Explanation, explain
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.evaluation.fairness.assessment import assess_fairness
from apps.ml.evaluation.metric_files import fairness_report, performance_report
from apps.ml.evaluation.performance import measure_performance
from apps.ml.evaluation.plots.drawing import Drawings, draw_all
from apps.ml.evaluation.record.audit_findings import AuditedAttribute, AuditFindings, assemble_audit_evidence
from apps.ml.evaluation.statistics.shares.rates import Favourable
from apps.ml.evaluation.truth import check_against_truth
from apps.ml.models.bundle import BundleInfo
from apps.ml.parameters import ModelEvaluation

FEATURES = ("income", "region=north", "region=<south>", "debt")
SOURCES = ("income", "region <&> place", "region <&> place", "debt")
PARAMETERS = ModelEvaluation.model_validate(
    {
        "seed": 4,
        "bootstrap_replicates": 100,
        "score_bins": 100,
        "conditional_on": ["region <&> place"],
        "reference_groups": {"place": "city"},
        "consistency_rows": 50,
        "explanations": {
            "background_rows": 50,
            "global_rows": 40,
            "local_rows": 2,
            "lime_samples": 100,
            "permutation_repeats": 2,
            "effect_points": 4,
            "ice_rows": 3,
            "reason_rows": 40,
            "counterfactual_rows": 4,
        },
    }
)
NAMES = ("<b>women</b> & girls", "men | boys")
ROWS = 300


@dataclass(frozen=True)
class EvaluatedRows:
    """Test rows: labels and decisions int8 [n], scores float64 [n], and group names by attribute."""

    labels: npt.NDArray[np.int8]
    scores: npt.NDArray[np.float64]
    decisions: npt.NDArray[np.int8]
    groups: pd.DataFrame
    threshold: float
    positive_name: str
    negative_name: str


class LinearModel:
    """A logistic model that gives its own exact contributions."""

    contributions_method = "native tree contributions, path-dependent"
    contributions_output = "log-odds"

    @property
    def estimator(self) -> "LinearModel":
        return self

    def __init__(self, weights: Sequence[float] = (1.5, 0.7, -0.4, -1.0), base: float = 0.2) -> None:
        self.weights, self.base = np.asarray(weights), base

    def score_encoded(self, X: FloatArray) -> FloatArray:
        return np.asarray(1 / (1 + np.exp(-(X @ self.weights + self.base))))

    def contributions(self, X: FloatArray) -> FloatArray | None:
        return np.column_stack([X * self.weights, np.full(len(X), self.base)])


def encoded_rows(rows: int = ROWS, seed: int = 0) -> FloatArray:
    """Two standard normal features around a pair of opposite indicators."""
    generator = np.random.default_rng(seed)
    north = generator.integers(0, 2, rows)
    return np.column_stack([generator.normal(size=rows), north, 1 - north, generator.normal(size=rows)])


def typed_frame(X: FloatArray) -> pd.DataFrame:
    """The columns that the encoded features come from."""
    region = np.where(X[:, 1] == 1, "north", "<south>")
    return pd.DataFrame({"income": X[:, 0], "region <&> place": region, "debt": X[:, 3]})


def encoded(frame: pd.DataFrame) -> FloatArray:
    """The encoded features of the columns."""
    north = (frame["region <&> place"] == "north").to_numpy(dtype=np.float64)
    return np.column_stack([frame["income"], north, 1 - north, frame["debt"]]).astype(np.float64)


def decision_rule(model: LinearModel | None = None) -> DecisionRule:
    """The rule from columns to decisions."""
    scored = model or LinearModel()
    return DecisionRule(
        columns=bundle_info().columns,
        score=lambda frame: scored.score_encoded(encoded(frame)),
        decide=lambda scores: (scores >= 0.5).astype(np.int8),
        favourable="positive",
        threshold=0.5,
    )


def explanation(model: LinearModel | None = None, rows: int = ROWS) -> Explanation:
    """Explain the model on made-up rows."""
    X = encoded_rows(rows)
    explained = ExplainedRows(X, np.arange(rows) + 1000, encoded_rows(200, seed=1), FEATURES, SOURCES, typed_frame(X))
    return explain(model or LinearModel(), explained, PARAMETERS)


def evaluated_rows(rows: int = ROWS) -> EvaluatedRows:
    """Scores of the model with labels drawn from them; the group `<none>` has no positive row, `tiny` is small."""
    generator = np.random.default_rng(3)
    scores = LinearModel().score_encoded(encoded_rows(rows))
    labels = (generator.random(rows) < scores).astype(np.int8)
    sex = np.where(generator.random(rows) < 0.5, *NAMES).astype(object)
    sex[:5] = "unknown"
    place = np.where(labels == 1, "city", np.where(np.arange(rows) % 2, "<none>", "city")).astype(object)
    place[5:12] = "tiny"
    return EvaluatedRows(
        labels=labels,
        scores=scores,
        decisions=(scores >= 0.5).astype(np.int8),
        groups=pd.DataFrame({"sex": sex, "place": place}),
        threshold=0.5,
        positive_name="pays > 90 %",
        negative_name="does <not>",
    )


def bundle_info() -> BundleInfo:
    """What a bundle of the model would say."""
    columns = (
        ColumnSchema("income", "numeric", reason_low="the income is <too> low"),
        ColumnSchema("region <&> place", "categorical", categories=("north", "<south>"), proxy_of="place"),
        ColumnSchema("debt", "numeric", description="Debt | in euros"),
    )
    return BundleInfo(
        dataset="made_up",
        title="Made <up> & small",
        estimator="lightgbm",
        threshold=0.5,
        threshold_rule="fixed",
        favourable="positive",
        positive_name="pays > 90 %",
        negative_name="does <not>",
        columns=columns,
        feature_names=FEATURES,
        feature_sources=SOURCES,
        uses_sensitive=False,
        rounds=None,
        training_rows=200,
    )


def schema() -> ProcessedSchema:
    """The data the evaluation speaks of."""
    return ProcessedSchema(
        dataset="made_up",
        title="Made <up> & small",
        split="random",
        columns=(*bundle_info().columns, ColumnSchema("sex", "categorical", sensitive=True)),
        attributes=(AttributeSchema("sex", ("sex",), NAMES), AttributeSchema("place", ("place",), ("city", "<none>"))),
        held_out=("true_chance",),
        favourable="positive",
        positive_name="pays > 90 %",
        negative_name="does <not>",
        rows={"train": 200, "validation": 50, "test": ROWS},
        licence="See https://example.org/licence",
        known_faults=("<script>alert(1)</script>",),
        leave_out={"id": "names a person"},
        source_digest="0" * 64,
    )


def findings(rows: EvaluatedRows, explained: Explanation, model: LinearModel | None = None) -> Findings:
    """Measure the rows."""
    performance = measure_performance(rows.labels, rows.scores, rows.decisions, PARAMETERS)
    frame = typed_frame(encoded_rows(len(rows.labels)))
    conditions = frame[list(PARAMETERS.conditional_on)]
    fairness = assess_fairness(
        rows.labels, rows.decisions, rows.groups, "positive", PARAMETERS, scores=rows.scores, conditions=conditions
    )
    truth = pd.DataFrame({"true_chance": np.clip(rows.scores + 0.05, 0, 1)})
    decided = decisions_explained(rows, model)
    measured = fairness_report(fairness)
    for name, flips in decided.flip_rates.items():
        measured[name]["individual"]["counterfactual_flip_rate"] = flips.to_dict()
    return Findings(
        performance=performance_report(
            performance,
            rows=len(rows.labels),
            threshold=rows.threshold,
            positive_name=rows.positive_name,
            favourable="positive",
        ),
        fairness=measured,
        counts=fairness.counts_to_dict(),
        inference=fairness.inference_to_dict(),
        curves=curves_of(fairness.joint, {str(name): (str(name),) for name in rows.groups.columns}, PARAMETERS),
        explainability=explained.to_dict() | behaviour_explained(rows, explained, model) | decided.to_dict(),
        local_explanations=explained.local_to_list(3),
        truth=check_against_truth(truth, rows.scores, rows.groups, PARAMETERS.confidence),
    )


def behaviour_explained(
    rows: EvaluatedRows, explained: Explanation, model: LinearModel | None = None
) -> dict[str, Any]:
    """Behaviour of the rule."""
    frame = typed_frame(encoded_rows(len(rows.labels)))
    behaviour = explain_behaviour(
        decision_rule(model),
        BehaviourRows(frame, rows.labels, rows.groups, explained.positions),
        explained.contributions,
        PARAMETERS,
    )
    return {"behaviour": behaviour.to_dict()}


def decisions_explained(rows: EvaluatedRows, model: LinearModel | None = None) -> DecisionExplanations:
    """Reasons, ways and flip rates of the rule."""
    frame = typed_frame(encoded_rows(len(rows.labels)))
    decided = DecisionRows(
        frame=frame,
        rows=np.arange(len(frame)) + 1000,
        labels=rows.labels,
        groups=rows.groups,
        reference=typed_frame(encoded_rows(200, seed=1)),
        attributes=schema().attributes,
    )
    return explain_decisions(decision_rule(model), decided, PARAMETERS)


def measured_record(model: LinearModel | None = None) -> dict[str, Any]:
    """The evidence record of the small evaluation, measured anew."""
    found = findings(evaluated_rows(), explanation(model), model)
    return assemble_evidence(bundle_info(), "1" * 64, schema(), PARAMETERS, found)


@cache
def _record() -> dict[str, Any]:
    return measured_record()


def record() -> dict[str, Any]:
    """The evidence record of the small evaluation, measured once and copied."""
    return copy.deepcopy(_record())


@cache
def drawings() -> Drawings:
    """All pictures and tables of the small evaluation, drawn once."""
    return draw_all(record())


AUDITED = 800


def audited_groups() -> pd.DataFrame:
    """Sex and race of the audited persons, and both crossed; some of either are unknown, one category is rare."""
    generator = np.random.default_rng(7)
    sex = generator.choice(["female", "male", "unknown"], AUDITED, p=[0.5, 0.48, 0.02])
    race = generator.choice(["Asian", "Black", "White | <b>other</b>", "unknown"], AUDITED, p=[0.3, 0.27, 0.4, 0.03])
    race[:9] = "Rare"
    crossed = [f"{one}{JOINED_BY}{other}" for one, other in zip(sex, race, strict=True)]
    return pd.DataFrame({"sex": sex, "race": race, "sex_race": crossed})


@cache
def _audit_record(labels: bool, scores: bool, weights: bool, favourable: Favourable) -> dict[str, Any]:
    generator, groups = np.random.default_rng(8), audited_groups()
    score = generator.random(AUDITED) * np.where(groups["race"] == "Black", 0.75, 1.0)
    decisions = (score >= 0.5).astype(np.int8)
    truth = (generator.random(AUDITED) < score).astype(np.int8)
    parameters = PARAMETERS.model_copy(update={"conditional_on": (), "reference_groups": {}})
    fairness = assess_fairness(
        truth if labels else None,
        decisions,
        groups,
        favourable,
        parameters,
        scores=score if scores else None,
        weights=1 + generator.random(AUDITED) if weights else None,
    )
    roles = {"label": labels, "score": scores, "weight": weights}
    return assemble_audit_evidence(
        AuditFindings(
            file_name="/home/somebody/decisions of <2025>.csv",
            file_sha256="2" * 64,
            rows=AUDITED,
            columns={"prediction": "hired", **{role: role for role, there in roles.items() if there}},
            attributes={
                "sex": AuditedAttribute(("sex",), tuple(fairness.attributes["sex"].groups)),
                "race": AuditedAttribute(("race",), tuple(fairness.attributes["race"].groups)),
                "sex_race": AuditedAttribute(("sex", "race"), tuple(fairness.attributes["sex_race"].groups)),
            },
            favourable=favourable,
            positive_name="hired",
            negative_name="not hired",
            parameters=parameters.model_dump(mode="json", include={"confidence", "minimum_group_size", "score_bins"}),
            fairness=fairness_report(fairness),
            counts=fairness.counts_to_dict(),
            inference=fairness.inference_to_dict(),
            curves=curves_of(fairness.joint, {name: (name,) for name in fairness.attributes}, parameters),
            notes=("3 rows without a decision were left out",),
        )
    )


def audit_record(
    labels: bool = False, scores: bool = False, weights: bool = False, favourable: Favourable = "positive"
) -> dict[str, Any]:
    """The evidence record of decisions without a model."""
    return copy.deepcopy(_audit_record(labels, scores, weights, favourable))
