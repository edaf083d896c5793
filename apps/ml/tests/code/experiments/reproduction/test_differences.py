from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from apps.ml.evaluation.model_comparison.rows import AnsweredRows
from apps.ml.experiments import tags
from apps.ml.experiments.reproduction.differences import Differences, compare_rows, compare_runs
from apps.ml.tests.answered_rows import answered

ROWS = answered(0.4)


def run(auc: float = 0.8, digest: str = "1", undefined: str = "") -> Any:
    metrics = {"performance.roc_auc": auc, "cost.fit_seconds": np.random.default_rng().random()}
    own = {tags.OUTPUT + "artifacts/03_models": digest, tags.ENVIRONMENT + "numpy": "2.4", tags.UNDEFINED: undefined}
    return SimpleNamespace(data=SimpleNamespace(metrics=metrics, tags=own))


def moved(by: float) -> AnsweredRows:
    return replace(ROWS, scores=ROWS.scores + by)


def differences(reproduced: Any, rows: AnsweredRows = ROWS, known: AnsweredRows | str = ROWS) -> Differences:
    return compare_runs(run(), reproduced, (known, rows))


def test_the_same_digests_and_metrics_are_identical_though_the_fit_took_another_time() -> None:
    assert differences(run()).verdict(0.0) == ("identical", [])


def test_small_differences_are_equal_within_a_tolerance_and_different_within_a_smaller_one() -> None:
    found = differences(run(0.8 + 1e-9, "2"), moved(1e-9))
    assert found.verdict(1e-6) == ("equal within tolerance", ["other bytes: artifacts/03_models"])
    verdict, reasons = found.verdict(1e-12)
    assert verdict == "different"
    assert reasons[1:] == ["a metric differs by 1e-09", "a score differs by 1e-09"]


def test_a_metric_that_is_gone_or_newly_undefined_is_different_whatever_the_tolerance() -> None:
    without = run(digest="2")
    del without.data.metrics["performance.roc_auc"]
    assert differences(without).verdict(9.0)[0] == "different"
    assert differences(run(undefined="performance.f1: no row")).verdict(9.0) == (
        "different",
        ["other metrics are undefined: performance.f1"],
    )


def test_other_decisions_labels_or_rows_are_different() -> None:
    flipped = replace(ROWS, decisions=1 - ROWS.decisions if ROWS.decisions is not None else None)
    assert "400 rows have another decision" in differences(run(digest="2"), flipped).verdict(9.0)[1]
    shifted = replace(ROWS, rows=ROWS.rows + 1)
    assert "2 rows were answered by only one of them" in differences(run(digest="2"), shifted).verdict(9.0)[1]


def test_rows_that_cannot_be_had_allow_identical_but_not_equal() -> None:
    assert differences(run(), known="gone").verdict(1.0)[0] == "identical"
    verdict, reasons = differences(run(digest="2"), known="gone").verdict(1.0)
    assert verdict == "different"
    assert reasons[-1] == "predictions cannot be compared row by row: gone"


def test_rows_are_matched_by_number() -> None:
    order = np.random.default_rng(1).permutation(400)
    assert ROWS.decisions is not None
    shuffled = AnsweredRows(
        ROWS.rows[order], ROWS.labels[order], ROWS.scores[order], ROWS.decisions[order], ROWS.groups.iloc[order]
    )
    found = compare_rows(ROWS, shuffled)
    assert (found["rows"], found["scores_differ"], found["largest_difference"]) == (400, 0, 0.0)


def test_the_largest_difference_is_relative_to_large_numbers() -> None:
    large = replace(answered(0.4, regression=True), scores=np.full(400, 1000.0))
    found = compare_rows(large, replace(large, scores=np.full(400, 1001.0)))
    assert found["largest_difference"] == pytest.approx(1 / 1001)
    assert found["decisions_differ"] == 0


def test_another_environment_is_named() -> None:
    other = run()
    other.data.tags[tags.ENVIRONMENT + "numpy"] = "2.5"
    content = differences(other).to_dict(1e-6)
    assert content["environment"] == {"numpy": {"original": "2.4", "reproduced": "2.5"}}
    assert content["verdict"] == "identical"
    assert content["metrics"]["compared"] == 1
