import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import RegistryError
from apps.ml.experiments import registry, tags
from apps.ml.experiments.promotion import promote_version, roll_back
from apps.ml.experiments.publisher import publish_working_tree
from apps.ml.experiments.tracking import open_store
from apps.ml.files import read_json
from apps.ml.pipelines import model_registration
from apps.ml.tests import finished_pipeline

MODEL = finished_pipeline.MODEL


def _aliases() -> dict[str, str]:
    versions = registry.list_versions(open_store(), MODEL)
    return {alias: version.number for version in versions for alias in version.aliases}


def _register(paths: ArtifactPaths, roc_auc: float) -> None:
    finished_pipeline.measure(paths, roc_auc)
    model_registration.main(paths)


def test_a_passing_version_is_candidate_and_champion(finished: ArtifactPaths) -> None:
    model_registration.main(finished)
    assert _aliases() == {"candidate": "1", "champion": "1"}
    version = registry.find_version(open_store(), MODEL)
    assert version.tags[tags.EVIDENCE] == read_json(finished.evidence)["digest"]
    assert version.verdict == "PASS"


@pytest.mark.parametrize(("roc_auc", "parity"), [(0.5, 0.9), (0.7, 0.9), (0.8, None)])
def test_a_version_that_does_not_pass_is_never_champion_by_itself(
    roc_auc: float, parity: float | None, finished: ArtifactPaths
) -> None:
    finished_pipeline.measure(finished, roc_auc, parity)
    model_registration.main(finished)
    assert _aliases() == {"candidate": "1"}


def test_a_failing_newcomer_leaves_the_champion_in_place(finished: ArtifactPaths) -> None:
    _register(finished, 0.8)
    _register(finished, 0.5)
    assert _aliases() == {"candidate": "2", "champion": "1"}


def test_promotion_can_be_left_to_people(finished: ArtifactPaths) -> None:
    finished_pipeline.set_parameters(finished, "model_registration", promote_passing=False)
    model_registration.main(finished)
    assert _aliases() == {"candidate": "1"}


def test_the_candidate_comes_back_with_its_fingerprint(finished: ArtifactPaths) -> None:
    _register(finished, 0.8)
    _register(finished, 0.82)
    _register(finished, 0.8)
    assert _aliases() == {"candidate": "1", "champion": "1"}
    assert registry.champions(open_store(), MODEL) == ["1", "2", "1"]


def test_publishing_once_more_does_not_undo_a_promotion_by_hand(finished: ArtifactPaths) -> None:
    _register(finished, 0.8)
    _register(finished, 0.82)
    promote_version(open_store(), MODEL, "1")
    publish_working_tree(finished)
    assert _aliases() == {"candidate": "2", "champion": "1"}


def test_publishing_once_more_does_not_undo_a_roll_back(finished: ArtifactPaths) -> None:
    _register(finished, 0.8)
    _register(finished, 0.82)
    roll_back(open_store(), MODEL)
    publish_working_tree(finished)
    model_registration.main(finished)
    assert _aliases() == {"candidate": "2", "champion": "1"}


def test_gates_that_now_pass_make_the_version_champion(finished: ArtifactPaths) -> None:
    gates = [{"name": "out of reach", "metric": "performance.roc_auc", "at_least": 0.99}]
    finished_pipeline.set_parameters(finished, "model_registration", gates=gates)
    model_registration.main(finished)
    assert _aliases() == {"candidate": "1"}
    finished_pipeline.set_parameters(finished, "model_registration", gates=finished_pipeline.GATES)
    model_registration.main(finished)
    assert _aliases() == {"candidate": "1", "champion": "1"}


def test_a_version_is_found_by_number_alias_or_as_champion(finished: ArtifactPaths) -> None:
    _register(finished, 0.8)
    _register(finished, 0.5)
    store = open_store()
    assert registry.find_version(store, MODEL).number == "1"
    assert registry.find_version(store, MODEL, alias="candidate").number == "2"
    assert registry.find_version(store, MODEL, "2").aliases == ("candidate",)


def test_what_does_not_exist_is_named_with_the_nearest_name(finished: ArtifactPaths) -> None:
    _register(finished, 0.5)
    store = open_store()
    with pytest.raises(RegistryError, match=r"no registered model 'smal_loans'; did you mean 'small_loans'\?"):
        registry.find_version(store, "smal_loans")
    with pytest.raises(RegistryError, match="no version 7; it has: 1"):
        registry.find_version(store, MODEL, "7")
    with pytest.raises(RegistryError, match=r"has no champion\. .*fairmind models promote small_loans --version N"):
        registry.find_version(store, MODEL)
    with pytest.raises(RegistryError, match="has no candidat; did you mean 'candidate'"):
        registry.find_version(store, MODEL, alias="candidat")


def test_an_empty_registry_has_no_models(finished: ArtifactPaths) -> None:
    assert registry.model_names(open_store()) == []
    with pytest.raises(RegistryError, match=r"no registered model 'small_loans'\. `dvc repro`"):
        registry.list_versions(open_store(), MODEL)


def test_more_models_than_one_page_are_all_named(finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MODELS_PER_PAGE", 2)
    store = open_store()
    for name in "abcde":
        store.client.create_registered_model(name)
    assert registry.model_names(store) == list("abcde")
