"""A version brings what its explanations compare people with: published, fetched, checked, and used or told why not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_split
from apps.ml.deployment.explaining.basis_sources import FROM_PROFILE, basis_for
from apps.ml.deployment.explaining.preparation import prepared_explainer
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.deployment.versions.model_source import RegistrySource
from apps.ml.deployment.versions.registry_versions import BASIS_IN_MODEL
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.evaluation.explanations.basis import FROM_TRAINING
from apps.ml.experiments import tags
from apps.ml.experiments.tracking import TrackingStore, open_store
from apps.ml.files import read_json, sha256_of_file
from apps.ml.models.bundle import read_info
from apps.ml.models.golden_rows import records
from apps.ml.pipelines import model_evaluation, model_registration
from apps.ml.tests import finished_pipeline
from apps.ml.tests.code.deployment.conftest import running, wait_until_finished

SOURCE = RegistrySource(finished_pipeline.MODEL, alias="candidate")
ELSEWHERE = ArtifactPaths(Path("nowhere"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArtifactPaths]:
    """A workspace whose evaluation and registration have run; the registry in it is the one that is asked."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("published") / "workspace"
        finished_pipeline.workspace(root, patch)
        paths = ArtifactPaths(root)
        model_evaluation.main(paths)
        model_registration.main(paths)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/mlflow.db")
        patch.setenv("FAIRMIND_STATE_DIR", str(root / "state of a server"))
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        yield paths


@pytest.fixture
def stored(published: ArtifactPaths) -> Iterator[Path]:
    """The file in the store; a test may harm it."""
    store = open_store()
    place = store.client.get_model_version_download_uri(SOURCE.name, "1")
    path = Path(urlsplit(place).path) / BASIS_IN_MODEL
    content = path.read_bytes()
    yield path
    path.write_bytes(content)


def tag_of(store: TrackingStore) -> str | None:
    tag: str | None = store.client.get_model_version(SOURCE.name, "1").tags.get(tags.BASIS)
    return tag


def reasons_of(model: ServedModel, published: ArtifactPaths) -> dict[int, list[str]]:
    """The words of every refused test row's reasons, by its number in the source."""
    explainer = prepared_explainer(model, basis_for(model, ELSEWHERE))
    test = read_split(published.processed, "test")
    frame = test.inputs(model.bundle.info.columns)
    answers = model.scorer.answers(frame)
    found = explainer.explain_frame(frame, answers, Wanted(contributions=False))
    words = {
        int(row): [reason.words for reason in one.reasons]
        for row, one in zip(test.rows, found, strict=True)
        if one.reasons is not None
    }
    assert len(words) > 50
    return words


def test_the_version_names_and_holds_the_file_of_the_evaluation(published: ArtifactPaths, stored: Path) -> None:
    store = open_store()
    digest = sha256_of_file(published.explanation_basis)
    assert sha256_of_file(stored) == digest
    assert tag_of(store) == digest
    run = store.client.get_run(store.client.get_model_version(SOURCE.name, "1").run_id)
    assert run.data.tags[tags.BASIS] == digest


def test_a_server_with_nothing_but_the_registry_gives_the_reasons_of_the_evidence(published: ArtifactPaths) -> None:
    model = SOURCE.load()
    basis = basis_for(model, ELSEWHERE)
    assert basis is not None
    assert basis.source == FROM_TRAINING
    served = reasons_of(model, published)
    examples = read_json(published.evidence)["explainability"]["reasons"]["examples"]
    assert len(examples) > 3
    assert [served[example["row"]] for example in examples] == [example["reasons"] for example in examples]


def test_its_first_reasons_agree_with_those_of_the_training_rows_for_every_refused_person(
    published: ArtifactPaths,
) -> None:
    model = SOURCE.load()
    served = reasons_of(model, published)
    trained = prepared_explainer(model, basis_for(replace(model, basis=None), published))
    test = read_split(published.processed, "test")
    frame = test.inputs(model.bundle.info.columns)
    found = trained.explain_frame(frame, model.scorer.answers(frame), Wanted(contributions=False))
    same = [
        served[int(row)][0] == one.reasons[0].words for row, one in zip(test.rows, found, strict=True) if one.reasons
    ]
    assert len(same) > 50
    assert np.mean(same) == 1.0


def test_the_server_says_with_whom_people_are_compared(published: ArtifactPaths) -> None:
    with running(SOURCE) as client:
        assert wait_until_finished(client)["notes"] == []
        assert FROM_TRAINING in first_method(client, published)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes().replace(b"0.", b"1.", 1)), "was changed: its sha256 is not"),
        (lambda path: path.unlink(), "is gone"),
    ],
    ids=["changed", "gone"],
)
def test_a_damaged_file_is_not_used_and_the_server_says_so_while_it_answers(
    harm: Callable[[Path], object], said: str, published: ArtifactPaths, stored: Path
) -> None:
    harm(stored)
    with running(SOURCE) as client:
        told = wait_until_finished(client)
        assert told["ready"]
        (note,) = told["notes"]
        assert note.startswith(f"{SOURCE.name} version 1 (candidate): the basis of explanations of version 1")
        assert said in note
        assert FROM_PROFILE in first_method(client, published)


def test_a_file_of_another_bundle_is_not_used_though_its_digest_is_right(
    published: ArtifactPaths, stored: Path
) -> None:
    store, right = open_store(), sha256_of_file(stored)
    bundle = sha256_of_file(published.bundle / "manifest.json")
    stored.write_bytes(stored.read_bytes().replace(bundle.encode(), b"0" * 64))
    store.client.set_model_version_tag(SOURCE.name, "1", tags.BASIS, sha256_of_file(stored))
    try:
        model = SOURCE.load()
    finally:
        store.client.set_model_version_tag(SOURCE.name, "1", tags.BASIS, right)
    assert model.basis is None
    assert "no basis of explanations for this model" in str(model.basis_trouble)
    assert f"models:/{SOURCE.name}/1" in str(model.basis_trouble)


def test_a_version_without_the_tag_is_explained_as_before(published: ArtifactPaths) -> None:
    store = open_store()
    digest = tag_of(store)
    store.client.delete_model_version_tag(SOURCE.name, "1", tags.BASIS)
    try:
        model = SOURCE.load()
    finally:
        store.client.set_model_version_tag(SOURCE.name, "1", tags.BASIS, digest)
    assert (model.basis, model.basis_trouble) == (None, None)
    found = [basis_for(model, paths) for paths in (ELSEWHERE, published)]
    assert [basis and basis.source for basis in found] == [FROM_PROFILE, FROM_TRAINING]


def first_method(client: httpx.Client, published: ArtifactPaths) -> str:
    """How the reasons of refused people are chosen, as the server says it."""
    columns = read_info(published.bundle).columns
    rows = records(read_split(published.processed, "test").inputs(columns).head(60), columns)
    answer = client.post("/v1/explain", json={"instances": rows, "contributions": False}).json()
    (method,) = {one["explanation"]["reasons_method"] for one in answer["predictions"]} - {None}
    return str(method)
