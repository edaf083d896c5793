"""A small evaluation with every corner: names that need escaping, small and empty-handed groups, a known truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.data.processed import AttributeSchema, ColumnSchema, ProcessedSchema
from apps.ml.evaluation.evidence import Findings, assemble_evidence
from apps.ml.evaluation.explanations.explanation import ExplainedRows, Explanation, explain
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.evaluation.fairness.assessment import assess_fairness
from apps.ml.evaluation.metric_files import fairness_report, performance_report
from apps.ml.evaluation.performance import measure_performance
from apps.ml.evaluation.plots.drawing import Drawings, draw_all
from apps.ml.evaluation.plots.evaluated_rows import EvaluatedRows
from apps.ml.evaluation.truth import check_against_truth
from apps.ml.models.bundle import BundleInfo
from apps.ml.parameters import ModelEvaluation

FEATURES = ("income", "region=north", "region=<south>", "debt")
SOURCES = ("income", "region <&> place", "region <&> place", "debt")
PARAMETERS = ModelEvaluation.model_validate(
    {
        "seed": 4,
        "bootstrap_replicates": 100,
        "explanations": {"background_rows": 50, "global_rows": 40, "local_rows": 2, "lime_samples": 100},
    }
)
NAMES = ("<b>women</b> & girls", "men | boys")
ROWS = 300


class LinearModel:
    """A logistic model that gives its own exact contributions."""

    estimator = None

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


def explanation(model: LinearModel | None = None, rows: int = ROWS) -> Explanation:
    """Explain the model on made-up rows."""
    explained = ExplainedRows(encoded_rows(rows), np.arange(rows) + 1000, encoded_rows(200, seed=1), FEATURES, SOURCES)
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
    columns = tuple(ColumnSchema(name, "numeric") for name in dict.fromkeys(SOURCES))
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


def findings(rows: EvaluatedRows, explained: Explanation) -> Findings:
    """Measure the rows."""
    performance = measure_performance(rows.labels, rows.scores, rows.decisions, PARAMETERS)
    fairness = assess_fairness(rows.labels, rows.decisions, rows.groups, "positive", PARAMETERS)
    truth = pd.DataFrame({"true_chance": np.clip(rows.scores + 0.05, 0, 1)})
    return Findings(
        performance=performance_report(
            performance,
            rows=len(rows.labels),
            threshold=rows.threshold,
            positive_name=rows.positive_name,
            favourable="positive",
        ),
        fairness=fairness_report(fairness),
        explainability=explained.to_dict(),
        local_explanations=explained.local_to_list(3),
        truth=check_against_truth(truth, rows.scores, rows.groups, PARAMETERS.confidence),
    )


def record(model: LinearModel | None = None) -> dict[str, Any]:
    """The evidence record of the small evaluation."""
    return assemble_evidence(
        bundle_info(), "1" * 64, schema(), PARAMETERS, findings(evaluated_rows(), explanation(model))
    )


def drawings() -> Drawings:
    """All pictures and tables of the small evaluation."""
    rows, explained = evaluated_rows(), explanation()
    found = findings(rows, explained)
    features = pd.DataFrame(encoded_rows()[:, [0, 3]], columns=["income", "debt"])
    return draw_all(rows, found.performance, found.fairness, explained, features, PARAMETERS)
