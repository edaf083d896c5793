import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import RegistryError
from apps.ml.experiments.references import find_any_run
from apps.ml.experiments.runs import latest_runs
from apps.ml.experiments.tracking import open_store
from apps.ml.pipelines import model_registration
from apps.ml.tests.finished_pipeline import MODEL


def test_a_version_leads_to_its_run_by_number_and_by_alias(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    store = open_store()
    run_id = latest_runs(store)[0].info.run_id
    for reference in (f"{MODEL}@champion", f"{MODEL}/1", f"models:/{MODEL}/1", run_id, run_id[:8]):
        assert find_any_run(store, reference).info.run_id == run_id


def test_what_leads_nowhere_is_refused(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    store = open_store()
    with pytest.raises(RegistryError, match="no shadow"):
        find_any_run(store, f"{MODEL}@shadow")
    with pytest.raises(RegistryError, match="no registered model 'nothing'"):
        find_any_run(store, "nothing/1")
    with pytest.raises(RegistryError, match="no run or experiment 'calm-rope'"):
        find_any_run(store, "calm-rope")
