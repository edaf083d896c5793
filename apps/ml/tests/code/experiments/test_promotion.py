import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.errors import BadInputError, RegistryError
from apps.ml.experiments import registry, tags
from apps.ml.experiments.promotion import promote_run, promote_version, roll_back
from apps.ml.experiments.runs import find_run
from apps.ml.experiments.tracking import TrackingStore, open_store
from apps.ml.pipelines import model_registration
from apps.ml.tests import finished_pipeline

MODEL = finished_pipeline.MODEL


@pytest.fixture
def store(finished: ArtifactPaths) -> TrackingStore:
    """A registry with version 1 (passes, champion) and version 2 (fails, candidate)."""
    for roc_auc in (0.8, 0.5):
        finished_pipeline.measure(finished, roc_auc)
        model_registration.main(finished)
    return open_store()


def _champion(store: TrackingStore) -> str:
    return registry.find_version(store, MODEL).number


def test_a_failing_version_is_refused(store: TrackingStore) -> None:
    done = promote_version(store, MODEL, "2")
    assert (done.promoted, done.verdict) == (False, "FAIL")
    assert _champion(store) == "1"


def test_an_override_needs_a_reason(store: TrackingStore) -> None:
    with pytest.raises(BadInputError, match="needs a reason that stays with the version"):
        promote_version(store, MODEL, "2", reason="  ", override=True)
    assert _champion(store) == "1"


def test_an_override_promotes_and_stays_with_the_version(store: TrackingStore) -> None:
    done = promote_version(store, MODEL, "2", reason="agreed with the board", override=True)
    assert done.promoted
    facts = registry.find_version(store, MODEL).tags
    assert facts[tags.REASON] == "agreed with the board"
    assert facts[tags.OVERRIDE] == "FAIL"
    assert registry.champions(store, MODEL) == ["1", "2"]


def test_an_unknown_version_is_refused(store: TrackingStore) -> None:
    with pytest.raises(RegistryError, match="no version 9; it has: 2, 1"):
        promote_version(store, MODEL, "9")


def test_a_roll_back_returns_to_the_champion_before(store: TrackingStore) -> None:
    promote_version(store, MODEL, "2", reason="trial", override=True)
    left, came = roll_back(store, MODEL, reason="too many complaints")
    assert (left.number, came.number) == ("2", "1")
    assert _champion(store) == "1"
    assert left.tags[tags.ROLLED_BACK] == "too many complaints"


def test_a_roll_back_without_an_earlier_champion_changes_nothing(store: TrackingStore) -> None:
    with pytest.raises(RegistryError, match="had no champion before version 1"):
        roll_back(store, MODEL)
    assert _champion(store) == "1"


def test_a_roll_back_passes_over_versions_that_were_deleted(store: TrackingStore) -> None:
    for number in ("2", "1"):
        promote_version(store, MODEL, number, reason="trial", override=True)
    store.client.delete_model_version(MODEL, "2")
    with pytest.raises(RegistryError, match="had no champion before version 1"):
        roll_back(store, MODEL)


def test_a_rolled_back_version_can_be_promoted_by_hand_again(store: TrackingStore) -> None:
    promote_version(store, MODEL, "2", reason="trial", override=True)
    roll_back(store, MODEL)
    promote_version(store, MODEL, "2", reason="mended", override=True)
    assert tags.ROLLED_BACK not in registry.find_version(store, MODEL).tags


def test_an_alias_that_was_moved_elsewhere_enters_the_history(store: TrackingStore) -> None:
    store.client.set_registered_model_alias(MODEL, "champion", "2")
    promote_version(store, MODEL, "1")
    assert registry.champions(store, MODEL) == ["1", "2", "1"]


def test_an_experiment_gets_a_version_when_it_is_promoted(
    store: TrackingStore, finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_pipeline.experiment(finished, monkeypatch, "brisk-lamp", 0.85, seed=6)
    assert len(registry.list_versions(store, MODEL)) == 2
    done = promote_run(store, MODEL, "brisk-lamp")
    assert done.promoted
    assert done.version is not None
    assert done.version.number == "3"
    assert done.version.run_id == find_run(store, "brisk-lamp").info.run_id
    assert _champion(store) == "3"


def test_an_experiment_that_is_refused_gets_no_version(
    store: TrackingStore, finished: ArtifactPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_pipeline.experiment(finished, monkeypatch, "brisk-lamp", 0.7)
    done = promote_run(store, MODEL, "brisk-lamp")
    assert (done.promoted, done.verdict, done.version) == (False, "INCONCLUSIVE", None)
    assert len(registry.list_versions(store, MODEL)) == 2


def test_promoting_a_run_that_has_a_version_makes_no_second_one(store: TrackingStore) -> None:
    run_id = registry.find_version(store, MODEL, "1").run_id
    assert promote_run(store, MODEL, run_id[:10]).promoted
    assert len(registry.list_versions(store, MODEL)) == 2


def test_a_run_of_another_data_set_is_refused(store: TrackingStore) -> None:
    run_id = registry.find_version(store, MODEL, "1").run_id
    with pytest.raises(RegistryError, match="a run of the data set 'small_loans', not of 'adult'"):
        promote_run(store, "adult", run_id)


def test_an_unknown_run_is_named(store: TrackingStore) -> None:
    with pytest.raises(RegistryError, match="There is no run or experiment 'brisk-lamb'"):
        promote_run(store, MODEL, "brisk-lamb")
