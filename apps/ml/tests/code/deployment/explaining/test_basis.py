"""What a person is compared with: from the training rows, from a file, from the bundle's own summary, or nothing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.deployment.explaining.basis_file import read_basis, write_basis
from apps.ml.deployment.explaining.basis_sources import (
    FROM_PROFILE,
    FROM_TRAINING,
    basis_for,
    basis_path,
    write_working_basis,
)
from apps.ml.deployment.explaining.preparation import explainer_of, prepared_explainer
from apps.ml.deployment.explaining.profile_rows import profile_rows
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.errors import BundleError
from apps.ml.models.bundle import read_reference
from apps.ml.models.reference import summarise_column
from apps.ml.tests.code.deployment.explaining.conftest import Explained, MakeExplained

EVERYTHING = Wanted(counterfactual=True)
ELSEWHERE = ArtifactPaths(Path("nowhere"))


@pytest.mark.parametrize("estimator", ["lightgbm", "logistic_regression"])
def test_a_written_basis_explains_as_the_training_rows_do(
    estimator: str, explained: MakeExplained, tmp_path: Path
) -> None:
    case = explained(estimator)
    basis = basis_for(case.model, case.paths)
    assert basis is not None
    assert basis.source == FROM_TRAINING
    write_basis(tmp_path / "basis.json", basis, case.model.bundle_digest)
    again = read_basis(tmp_path / "basis.json", case.model.bundle, case.model.bundle_digest)
    explainer = prepared_explainer(case.model, again)
    frame, answers = case.chosen(case.bad[:6])
    assert explainer.explain_frame(frame, answers, EVERYTHING) == case.explainer.explain_frame(
        frame, answers, EVERYTHING
    )


def test_the_file_of_trees_holds_no_row_of_anybody(loans: Explained, tmp_path: Path) -> None:
    basis = basis_for(loans.model, loans.paths)
    assert basis is not None
    write_basis(tmp_path / "basis.json", basis, loans.model.bundle_digest)
    content = json.loads((tmp_path / "basis.json").read_text(encoding="utf-8"))
    assert content["background"] is None
    assert max(len(values) for values in content["reasons"]["values"]) <= 17


def test_a_server_finds_the_file_that_was_written_where_the_model_was_trained(
    loans: Explained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRMIND_STATE_DIR", str(tmp_path / "state"))
    written = write_working_basis(loans.paths)
    assert written == basis_path(loans.model.bundle_digest)
    assert written.is_relative_to(tmp_path / "state")
    basis = basis_for(loans.model, ELSEWHERE)
    assert basis is not None
    assert basis.source == FROM_TRAINING


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content | {"bundle": "0" * 64},
        lambda content: content | {"format": 99},
        lambda content: {key: value for key, value in content.items() if key != "ways"},
        lambda content: content | {"reasons": content["reasons"] | {"values": [[1.0]]}},
    ],
    ids=["another-bundle", "another-format", "no-ways", "too-few-columns"],
)
def test_a_file_that_does_not_belong_to_the_bundle_is_refused(damage, loans: Explained, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "basis.json"
    basis = basis_for(loans.model, loans.paths)
    assert basis is not None
    write_basis(path, basis, loans.model.bundle_digest)
    path.write_text(json.dumps(damage(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
    with pytest.raises(BundleError, match=r"no basis of explanations for this model\. Write it anew"):
        read_basis(path, loans.model.bundle, loans.model.bundle_digest)


def test_without_training_rows_the_summary_in_the_bundle_serves_and_the_answer_says_so(
    loans: Explained, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FAIRMIND_STATE_DIR", str(tmp_path))
    basis = basis_for(loans.model, ELSEWHERE)
    assert basis is not None
    assert basis.source == FROM_PROFILE
    frame, answers = loans.chosen(loans.bad)
    found = prepared_explainer(loans.model, basis).explain_frame(frame, answers, Wanted())
    exact = loans.explainer.explain_frame(frame, answers, Wanted())
    assert [one.contributions for one in found] == [one.contributions for one in exact]
    assert all(one.reasons for one in found)
    assert {one.reasons_method for one in found} == {f"furthest below the average of all applicants ({FROM_PROFILE})"}
    first = [
        one.reasons[0].code == other.reasons[0].code
        for one, other in zip(found, exact, strict=True)
        if one.reasons and other.reasons
    ]
    assert np.mean(first) > 0.6


def test_rows_made_of_a_summary_have_its_distributions(loans: Explained) -> None:
    reference, columns = read_reference(loans.paths.bundle), loans.model.bundle.info.columns
    rows = profile_rows(reference, columns, seed=0)
    assert rows is not None
    for column in columns:
        again, stored = summarise_column(rows[column.name], column), reference["columns"][column.name]
        assert again["missing_share"] == pytest.approx(stored["missing_share"], abs=0.005)
        if column.kind == "numeric":
            assert again["mean"] == pytest.approx(stored["mean"], abs=0.25 * stored["deviation"])
        else:
            assert again["categories"] == pytest.approx(stored["categories"], abs=0.01)
    same, other = (profile_rows(reference, columns, seed=seed) for seed in (0, 1))
    assert same is not None
    assert other is not None
    assert rows.equals(same)
    assert not rows.equals(other)


def test_a_summary_without_a_column_gives_no_rows(loans: Explained) -> None:
    reference = read_reference(loans.paths.bundle)
    lacking = {**reference, "columns": {name: one for name, one in reference["columns"].items() if name != "age"}}
    assert profile_rows(lacking, loans.model.bundle.info.columns, seed=0) is None


def test_a_bundle_that_is_no_longer_there_leaves_nothing_to_compare_with(
    loans: Explained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRMIND_STATE_DIR", str(tmp_path))
    assert basis_for(replace(loans.model, address=str(tmp_path / "gone")), ELSEWHERE) is None
    other = replace(loans.model, bundle_digest="0" * 64)
    assert basis_for(other, ELSEWHERE) is None


def test_an_explainer_is_prepared_once_per_version_and_forgotten_with_it(
    loans: Explained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gc
    import weakref

    monkeypatch.setenv("FAIRMIND_STATE_DIR", str(tmp_path))
    model = replace(loans.model, version="7")
    explainer = explainer_of(model)
    assert explainer_of(model) is explainer
    assert explainer_of(replace(model)) is not explainer
    gone = weakref.ref(explainer)
    del explainer, model
    gc.collect()
    assert gone() is None
