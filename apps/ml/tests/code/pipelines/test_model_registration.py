from pathlib import Path

import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import BadInputError, ParameterError, ServiceUnavailableError
from apps.ml.evaluation.evidence import signed, write_evidence
from apps.ml.experiments.runs import latest_runs
from apps.ml.experiments.tracking import open_store
from apps.ml.files import read_json
from apps.ml.pipelines import model_registration
from apps.ml.tests import finished_pipeline


def _outputs(paths: ArtifactPaths) -> tuple[bytes, bytes]:
    return (
        paths.metric("registration").read_bytes(),
        (paths.publication / "publication.json").read_bytes(),
    )


def test_the_verdict_names_each_gate_and_its_measurements(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    content = read_json(finished.metric("registration"))
    assert content["verdict"] == "PASS"
    assert (content["passed"], content["failed"], content["inconclusive"]) == (2, 0, 0)
    assert content["gates"]["ranking"]["measurements"]["performance.roc_auc"]["value"] == 0.8
    assert list(content["gates"]["four fifths"]["measurements"]) == ["fairness.sex.demographic_parity_ratio"]


def test_a_failing_gate_is_a_verdict_and_no_error(finished: ArtifactPaths) -> None:
    finished_pipeline.measure(finished, roc_auc=0.6)
    model_registration.main(finished)
    content = read_json(finished.metric("registration"))
    assert content["verdict"] == "FAIL"
    assert content["gates"]["ranking"]["verdict"] == "FAIL"
    assert content["failed"] == 1


def test_an_undefined_measurement_is_inconclusive(finished: ArtifactPaths) -> None:
    finished_pipeline.measure(finished, roc_auc=0.8, parity=None)
    model_registration.main(finished)
    content = read_json(finished.metric("registration"))
    assert content["verdict"] == "INCONCLUSIVE"
    assert "one group only" in content["gates"]["four fifths"]["reason"]


def test_guards_and_policy_stand_beside_the_gates_and_enter_the_verdict(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    content = read_json(finished.metric("registration"))
    assert {name: guard["verdict"] for name, guard in content["guards"].items()} == {
        "constant predictor": "PASS",
        "group performance": "PASS",
    }
    assert {rule["verdict"] for rule in content["policy"].values()} == {"PASS"}
    assert content["reason"] == (
        "gates: 2 passed, 0 failed, 0 inconclusive; guards: 3 passed, 0 failed, 0 inconclusive; policy: kept"
    )


def test_a_model_that_reads_sensitive_columns_fails_by_policy_unless_it_is_lifted(finished: ArtifactPaths) -> None:
    record = read_json(finished.evidence)
    record["policy"] |= {"uses_sensitive": True, "sensitive_inputs": ["sex"]}
    write_evidence(finished.evidence, signed(record))
    model_registration.main(finished)
    content = read_json(finished.metric("registration"))
    assert content["verdict"] == "FAIL"
    assert content["policy"]["sensitive inputs"]["reason"] == "sensitive columns are inputs of the model: 'sex'"
    assert content["reason"].endswith("policy: not kept: sensitive inputs")
    finished_pipeline.set_parameters(finished, "model_registration", policy={"forbid_sensitive_inputs": False})
    model_registration.main(finished)
    assert read_json(finished.metric("registration"))["verdict"] == "PASS"


def test_a_constant_predictor_fails_though_its_gates_pass(finished: ArtifactPaths) -> None:
    record = read_json(finished.evidence)
    record["counts"]["sex"]["counts"] = [[[0, 75], [0, 75]], [[0, 75], [0, 75]]]
    write_evidence(finished.evidence, signed(record))
    gates = [gate for gate in finished_pipeline.GATES if gate["name"] == "ranking"]
    finished_pipeline.set_parameters(finished, "model_registration", gates=gates)
    model_registration.main(finished)
    content = read_json(finished.metric("registration"))
    assert (content["verdict"], content["failed"]) == ("FAIL", 0)
    assert content["guards"]["constant predictor"]["reason"] == "all 300 decisions are the same"


def test_counts_of_other_rows_than_the_metrics_stop_before_anything_is_published(finished: ArtifactPaths) -> None:
    record = read_json(finished.evidence)
    record["counts"]["sex"]["counts"] = [[[50, 25], [25, 50]], [[50, 25], [25, 50]]]
    write_evidence(finished.evidence, signed(record))
    with pytest.raises(BadInputError, match="they tell of other rows"):
        model_registration.main(finished)
    assert latest_runs(open_store()) == []


def test_what_is_judged_at_promotion_is_listed_and_not_judged(finished: ArtifactPaths) -> None:
    gate = {"name": "no worse", "metric": "performance.roc_auc", "at_least": -0.01, "reference": "champion"}
    finished_pipeline.set_parameters(finished, "model_registration", gates=[*finished_pipeline.GATES, gate])
    model_registration.main(finished)
    content = read_json(finished.metric("registration"))
    assert "no worse" not in content["gates"]
    assert content["at_promotion"] == {
        "gates": {
            "no worse": {
                "metric": "performance.roc_auc",
                "direction": "at_least",
                "limit": -0.01,
                "reason": "judged at promotion, against the champion on the same rows",
            }
        },
        "guards": {
            "levelling down": {
                "tolerance": 0.01,
                "reason": "judged at promotion, against the champion on the same rows",
            }
        },
    }


def test_without_gates_nothing_passes(finished: ArtifactPaths) -> None:
    finished_pipeline.set_parameters(finished, "model_registration", gates=[])
    model_registration.main(finished)
    assert read_json(finished.metric("registration"))["verdict"] == "INCONCLUSIVE"


def test_the_outputs_are_the_same_bytes_with_another_store_and_name_no_run(
    finished: ArtifactPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_registration.main(finished)
    first = _outputs(finished)
    run_id = latest_runs(open_store())[0].info.run_id
    other = finished_pipeline.workspace(tmp_path / "elsewhere", monkeypatch)
    model_registration.main(other)
    assert _outputs(other) == first
    assert run_id not in first[0].decode() + first[1].decode()
    assert str(tmp_path) not in first[0].decode() + first[1].decode()


def test_running_again_reuses_run_and_version(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    model_registration.main(finished)
    store = open_store()
    assert len(latest_runs(store)) == 1
    assert len(store.client.search_model_versions(f"name = '{finished_pipeline.MODEL}'")) == 1


def test_a_store_that_does_not_answer_leaves_no_verdict(
    finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:9 does not answer"):
        model_registration.main(finished)
    assert not finished.metric("registration").exists()
    assert not finished.publication.exists()


def test_a_missing_metric_file_is_named(finished: ArtifactPaths) -> None:
    finished.metric("fairness").unlink()
    with pytest.raises(BadInputError, match=r"fairness\.json do not exist.*`dvc repro`"):
        model_registration.main(finished)


def test_a_gate_on_an_unknown_measurement_stops_before_anything_is_published(finished: ArtifactPaths) -> None:
    gate = {"name": "typing error", "metric": "performance.roc_acu", "at_least": 0.5}
    finished_pipeline.set_parameters(finished, "model_registration", gates=[gate])
    with pytest.raises(ParameterError, match="did you mean 'roc_auc'"):
        model_registration.main(finished)
    assert latest_runs(open_store()) == []


def test_missing_evidence_is_an_error_that_leaves_no_complete_run(finished: ArtifactPaths) -> None:
    finished.evidence.unlink()
    with pytest.raises(BadInputError, match=r"evidence\.json does not exist"):
        model_registration.main(finished)
    assert latest_runs(open_store()) == []
