from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.experiments import registry
from apps.ml.experiments.fingerprint import dvc_digest, fingerprint_of
from apps.ml.experiments.lineage import lineage_of
from apps.ml.experiments.tracking import open_store
from apps.ml.files import read_json
from apps.ml.pipelines import model_registration
from apps.ml.tests import finished_pipeline


def test_a_version_leads_back_to_run_data_bundle_evidence_and_gates(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    store = open_store()
    version = registry.find_version(store, finished_pipeline.MODEL)
    lineage = lineage_of(store, version)
    assert lineage["run_id"] == version.run_id
    assert lineage["aliases"] == ["candidate", "champion"]
    assert lineage["fingerprint"] == fingerprint_of(finished).value
    assert lineage["evidence"] == read_json(finished.evidence)["digest"]
    assert lineage["bundle"] == dvc_digest(finished.bundle)
    assert lineage["data"]["processed"] == dvc_digest(finished.processed)
    assert lineage["data"]["rows"]["test"] == {"digest": dvc_digest(finished.processed / "test.parquet"), "rows": 300}
    assert lineage["gates"] == read_json(finished.metric("registration"))["gates"]
    assert lineage["commit"] == "none"
    assert lineage["dirty"]
