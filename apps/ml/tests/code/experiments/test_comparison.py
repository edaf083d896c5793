import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import RegistryError
from apps.ml.experiments.comparison import compared, described_run, differing, measurements
from apps.ml.experiments.runs import find_run, latest_runs
from apps.ml.experiments.tracking import open_store
from apps.ml.pipelines import model_registration
from apps.ml.tests import finished_pipeline


def test_value_and_bounds_become_one_measurement() -> None:
    flat = {"performance.roc_auc": 0.8, "performance.roc_auc_lower": 0.7, "performance.roc_auc_upper": 0.9}
    assert measurements(flat, {}) == {"performance.roc_auc": {"value": 0.8, "lower": 0.7, "upper": 0.9}}


def test_a_metric_whose_own_name_ends_like_a_bound_stands_alone() -> None:
    assert measurements({"performance.quartile_lower": 1.0}, {}) == {"performance.quartile_lower": {"value": 1.0}}


def test_what_is_undefined_is_shown_with_its_reason() -> None:
    assert measurements({}, {"performance.f1": "no row"}) == {"performance.f1": {"value": None, "undefined": "no row"}}


def test_only_parameters_that_differ_are_listed_and_absent_ones_count() -> None:
    rows = [{"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2"}]
    assert differing(rows) == {"b": ["1", "2"], "c": ["1", None]}


def test_experiments_are_compared_under_the_names_they_were_asked_for(
    finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_pipeline.experiment(finished, monkeypatch, "brisk-lamp", 0.81, seed=6)
    finished_pipeline.experiment(finished, monkeypatch, "calm-rope", 0.82, seed=7)
    finished_pipeline.experiment(finished, monkeypatch, "twin-rope", 0.82, seed=7)
    store = open_store()
    names = ["twin-rope", "brisk-lamp", "calm-rope"]
    runs = [find_run(store, name) for name in names]
    content = compared([described_run(run, name) for run, name in zip(runs, names, strict=True)], runs)
    assert [run["experiment"] for run in content["runs"]] == names
    assert [run["metrics"]["performance.roc_auc"]["value"] for run in content["runs"]] == [0.82, 0.81, 0.82]
    assert content["differing_parameters"] == {"model_training.seed": ["7", "6", "7"]}
    assert content["runs"][0]["metrics"]["performance.precision"]["value"] is None


def test_runs_are_found_by_id_and_by_its_beginning_if_that_is_enough(finished: ArtifactPaths) -> None:
    for roc_auc in (0.8, 0.81):
        finished_pipeline.measure(finished, roc_auc)
        model_registration.main(finished)
    store = open_store()
    newest = latest_runs(store, finished_pipeline.MODEL, 1)[0].info.run_id
    assert find_run(store, newest).info.run_id == newest
    assert find_run(store, newest[:12]).info.run_id == newest
    with pytest.raises(RegistryError, match="is the beginning of 2 runs"):
        find_run(store, "")


def test_a_data_set_without_runs_has_none(finished: ArtifactPaths) -> None:
    assert latest_runs(open_store(), "nobody") == []
