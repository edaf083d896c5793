import shutil
from typing import Any

import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import BadInputError
from apps.ml.experiments import tags
from apps.ml.experiments.comparison import Asked, better_direction, compare_runs
from apps.ml.experiments.run_rows import SCORED_AGAIN, WORKSPACE
from apps.ml.experiments.runs import find_run
from apps.ml.experiments.tracking import open_store
from apps.ml.pipelines import model_registration
from apps.ml.tests import finished_pipeline
from apps.ml.tests.answered_rows import write_answers

NAMES = ("brisk-lamp", "calm-rope", "wise-fox")


@pytest.fixture
def runs(finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch) -> ArtifactPaths:
    """Three experiments whose bundle is the same; the last one's predictions, which know much, lie in the workspace."""
    for at, (name, knowledge) in enumerate(zip(NAMES, (0.1, 0.1, 0.9), strict=True)):
        write_answers(finished, knowledge)
        finished_pipeline.experiment(finished, monkeypatch, name, 0.8 + at / 100, seed=6 + at)
    return finished


def compared(*names: str, **asked: Any) -> dict[str, Any]:
    return compare_runs(open_store(), Asked(names, **asked))


def test_runs_are_held_against_the_baseline_on_the_same_rows(runs: ArtifactPaths) -> None:
    content = compared("brisk-lamp", "wise-fox")
    (entry,) = content["paired"]
    assert (entry["place"], entry["rows"], entry["left_out"]) == (1, 300, 0)
    assert entry["sources"] == [WORKSPACE, SCORED_AGAIN]
    found = entry["differences"]["performance.roc_auc"]
    assert found["verdict"] == "better"
    assert found["simultaneous_lower"] > 0
    assert "fairness.sex.demographic_parity_difference" in entry["differences"]


def test_another_baseline_turns_the_verdict(runs: ArtifactPaths) -> None:
    content = compared("brisk-lamp", "wise-fox", baseline="wise-fox")
    assert content["baseline"] == 1
    assert content["paired"][0]["differences"]["performance.roc_auc"]["verdict"] == "worse"


def test_a_baseline_that_was_not_named_among_the_runs_joins_them(runs: ArtifactPaths) -> None:
    content = compared("brisk-lamp", baseline="wise-fox")
    assert [run["label"] for run in content["runs"]] == ["wise-fox", "brisk-lamp"]
    by_id = compared("brisk-lamp", "wise-fox", baseline=find_run(open_store(), "wise-fox").info.run_id[:12])
    assert by_id["baseline"] == 1


def test_the_same_model_shows_no_difference(runs: ArtifactPaths) -> None:
    (entry,) = compared("brisk-lamp", "calm-rope")["paired"]
    assert {found["verdict"] for found in entry["differences"].values()} == {"no difference shown"}


def test_rows_that_cannot_be_had_leave_the_rest_of_the_comparison(runs: ArtifactPaths) -> None:
    shutil.rmtree(runs.processed)
    content = compared(*NAMES)
    assert [entry["differences"] for entry in content["paired"]] == [{}, {}]
    assert "neither the workspace nor DVC's cache holds" in content["paired"][0]["undefined"]
    assert content["differing_parameters"] == {"model_training.seed": ["6", "7", "8"]}


@pytest.mark.parametrize(
    ("tag", "reason"), [(tags.SOURCE, "rows of different sources"), (tags.DATASET, "rows of different sources")]
)
def test_row_numbers_of_another_source_mean_other_rows(tag: str, reason: str, runs: ArtifactPaths) -> None:
    store = open_store()
    store.client.set_tag(find_run(store, "wise-fox").info.run_id, tag, "another")
    assert reason in compared("brisk-lamp", "wise-fox")["paired"][0]["undefined"]


def test_the_front_takes_the_metrics_that_are_asked_for(runs: ArtifactPaths) -> None:
    ratio = "fairness.sex.demographic_parity_ratio"
    front = compared(*NAMES, performance="performance.accuracy", unfairness=ratio)["front"]
    assert (front["performance_better"], front["unfairness_better"]) == ("higher", "higher")
    assert [point["name"] for point in front["points"]] == list(NAMES)
    # On the estimates all are alike; on the same rows the last one is shown to be right more often.
    assert [point["standing"] for point in front["points"]] == ["optimal within noise"] * 2 + ["optimal beyond noise"]
    assert front["paired"] is False  # ratios have no paired difference
    assert compared(*NAMES)["front"] is None
    with pytest.raises(BadInputError, match=r"No run has the metric 'performance.roc_auk'; did you mean"):
        compared(*NAMES, performance="performance.roc_auk")


def test_the_time_to_answer_is_measured_on_request(runs: ArtifactPaths) -> None:
    first, second = compared("brisk-lamp", "wise-fox", measure_speed=True)["runs"]
    assert first["metrics"]["cost.score_1000_rows_seconds"]["value"] > 0
    assert first["metrics"]["cost.bundle_bytes"] == second["metrics"]["cost.bundle_bytes"]
    assert "cost.score_1000_rows_seconds" not in compared("brisk-lamp")["runs"][0]["metrics"]


def test_a_version_is_compared_by_its_alias(runs: ArtifactPaths) -> None:
    model_registration.main(runs)
    name = f"{finished_pipeline.MODEL}@candidate"
    assert [run["label"] for run in compared(name, "brisk-lamp")["runs"]] == [name, "brisk-lamp"]


def test_the_direction_of_a_metric_follows_from_its_name() -> None:
    assert better_direction("performance.roc_auc") == "higher"
    assert better_direction("fairness.sex.demographic_parity_ratio") == "higher"
    assert better_direction("fairness.sex.roc_auc_difference") == "lower"
    assert better_direction("cost.fit_seconds") == "lower"
