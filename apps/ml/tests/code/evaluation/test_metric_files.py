from pathlib import Path

import numpy as np
import pandas as pd

from apps.ml.evaluation.fairness import assess_fairness
from apps.ml.evaluation.gates.judging import judge
from apps.ml.evaluation.metric_files import fairness_report, performance_report
from apps.ml.evaluation.performance import measure_performance
from apps.ml.files import read_json, write_json
from apps.ml.parameters import Gate, ModelEvaluation

PARAMETERS = ModelEvaluation(seed=1)


def test_reports_are_written_read_and_judged(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 500)
    scores = np.clip(0.5 * labels + 0.6 * generator.random(500) - 0.05, 0, 1)
    decisions = (scores >= 0.5).astype(int)
    groups = pd.DataFrame({"sex": generator.choice(["f", "m"], 500), "alone": "one"})
    performance = performance_report(
        measure_performance(labels, scores, decisions, PARAMETERS),
        rows=500,
        threshold=0.5,
        positive_name="repaid",
        favourable="positive",
    )
    fairness = fairness_report(assess_fairness(labels, decisions, groups, "positive", PARAMETERS))
    assert list(performance)[:5] == ["rows", "threshold", "positive_name", "favourable", "accuracy"]
    write_json(tmp_path / "performance.json", performance)
    write_json(tmp_path / "fairness.json", fairness)
    read = {name: read_json(tmp_path / f"{name}.json") for name in ("performance", "fairness")}
    report = judge(
        [
            Gate(name="ranking", metric="performance.roc_auc", at_least=0.75),
            Gate(name="four fifths", metric="fairness.*.demographic_parity_ratio", at_least=0.01),
        ],
        read,
    )
    assert [(result.metric, result.verdict) for result in report.results] == [
        ("performance.roc_auc", "PASS"),
        ("fairness.sex.demographic_parity_ratio", "PASS"),
        ("fairness.alone.demographic_parity_ratio", "INCONCLUSIVE"),
    ]
