"""What a person is compared with: from the training rows, from a file, from the bundle's own summary, or nothing."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.deployment.explaining.basis import Basis, decision_rule
from apps.ml.deployment.explaining.basis_sources import (
    FROM_PROFILE,
    PROFILE_BACKGROUND,
    basis_for,
    basis_path,
    write_working_basis,
)
from apps.ml.deployment.explaining.preparation import explainer_of, prepared_explainer
from apps.ml.deployment.explaining.profile_rows import profile_rows
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.errors import BundleError
from apps.ml.evaluation.explanations.basis import FROM_TRAINING, publishable
from apps.ml.evaluation.explanations.basis_file import StoredBasis, read_basis, write_basis
from apps.ml.models.bundle import read_reference
from apps.ml.models.reference import summarise_column
from apps.ml.tests.code.deployment.explaining.conftest import Explained, MakeExplained

EVERYTHING = Wanted(counterfactual=True)
ELSEWHERE = ArtifactPaths(Path("nowhere"))


def published(case: Explained) -> Basis:
    """What may travel of the basis of the training rows."""
    basis = basis_for(case.model, case.paths)
    assert basis is not None
    assert basis.source == FROM_TRAINING
    return publishable(basis, case.model.bundle.estimator)


def written(case: Explained, path: Path) -> Path:
    """The file of a case."""
    write_basis(path, published(case), case.model.bundle_digest)
    return path


def read_again(case: Explained, path: Path) -> StoredBasis:
    """What a server reads."""
    return read_basis(path.read_bytes(), str(path), len(case.model.bundle.info.columns), case.model.bundle_digest)


@pytest.mark.parametrize("estimator", ["lightgbm", "logistic_regression", "naive_bayes"])
def test_a_written_basis_explains_as_the_training_rows_do(
    estimator: str, explained: MakeExplained, tmp_path: Path
) -> None:
    case = explained(estimator)
    stored = read_again(case, written(case, tmp_path / "basis.json"))
    explainer = prepared_explainer(case.model, stored.of_rule(decision_rule(case.model.bundle)))
    frame, answers = case.chosen(case.bad[:6])
    found = explainer.explain_frame(frame, answers, EVERYTHING)
    for one, expected in zip(found, case.explainer.explain_frame(frame, answers, EVERYTHING), strict=True):
        assert one.contributions == pytest.approx(expected.contributions, abs=1e-9)
        assert one.base == pytest.approx(expected.base, abs=1e-9)
        assert (one.method, one.reasons, one.reasons_method) == (
            expected.method,
            expected.reasons,
            expected.reasons_method,
        )
        assert (one.counterfactual, one.undefined) == (expected.counterfactual, expected.undefined)


def test_the_same_basis_gives_the_same_bytes(loans: Explained, tmp_path: Path) -> None:
    files = [written(loans, tmp_path / name).read_bytes() for name in ("one.json", "other.json")]
    assert files[0] == files[1]


@pytest.mark.parametrize("estimator", ["lightgbm", "logistic_regression", "mlp"])
def test_the_file_holds_values_of_columns_and_no_row_of_anybody(
    estimator: str, explained: MakeExplained, tmp_path: Path
) -> None:
    case = explained(estimator)
    content = json.loads(written(case, tmp_path / "basis.json").read_text(encoding="utf-8"))
    assert (content["background"] is None) == (estimator != "logistic_regression")
    assert max(len(values) for values in content["reasons"]["values"]) <= 17
    assert all(values == sorted(values) for values in map(numbers_of, content["reasons"]["values"]))
    if content["background"] is not None:
        rows = case.encoded_training
        assert len(content["background"]["mean"]) == rows.shape[1]
        assert not np.any(np.all(np.isclose(rows, content["background"]["mean"]), axis=1))


def test_what_was_drawn_of_a_few_rows_is_left_out(loans: Explained) -> None:
    basis = basis_for(loans.model, loans.paths)
    assert basis is not None
    assert basis.finder is not None
    few = replace(basis, finder=replace(basis.finder, drawn=9))
    assert publishable(few, loans.model.bundle.estimator).finder is None


def test_sampled_contributions_are_compared_with_the_bundles_summary_where_no_rows_are(
    explained: MakeExplained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRMIND_STATE_DIR", str(tmp_path / "state"))
    case = explained("mlp")
    stored = read_again(case, written(case, tmp_path / "basis.json"))
    basis = basis_for(replace(case.model, basis=stored), ELSEWHERE)
    frame, answers = case.chosen(case.bad[:2])
    found = prepared_explainer(case.model, basis).explain_frame(frame, answers, Wanted())
    exact = case.explainer.explain_frame(frame, answers, Wanted())
    assert [one.reasons for one in found] == [one.reasons for one in exact]
    for one in found:
        assert one.method is not None
        assert PROFILE_BACKGROUND in one.method
        assert one.contributions is not None


def test_a_file_of_the_first_format_is_still_read(explained: MakeExplained, tmp_path: Path) -> None:
    case = explained("logistic_regression")
    path = written(case, tmp_path / "basis.json")
    rows = [[1.0, 2.0], [3.0, 5.0]]
    older = json.loads(path.read_text(encoding="utf-8")) | {"format": 1, "background": rows}
    path.write_text(json.dumps(older), encoding="utf-8")
    background = read_again(case, path).background
    assert background is not None
    assert (background.rows.tolist(), background.name) == (rows, None)


def test_a_server_finds_the_file_that_the_evaluation_wrote(
    loans: Explained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRMIND_STATE_DIR", str(tmp_path / "state"))
    loans.paths.explanation_basis.unlink(missing_ok=True)
    with pytest.raises(BundleError, match="Run `dvc repro`"):
        write_working_basis(loans.paths)
    loans.paths.predictions.mkdir(exist_ok=True)
    written(loans, loans.paths.explanation_basis)
    found = write_working_basis(loans.paths)
    assert found == basis_path(loans.model.bundle_digest)
    assert found.is_relative_to(tmp_path / "state")
    assert found.read_bytes() == loans.paths.explanation_basis.read_bytes()
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
        lambda content: content | {"reasons": content["reasons"] | {"shares": [[1.0]] * len(content["categories"])}},
        lambda content: content | {"categories": content["categories"][1:]},
        lambda content: content | {"categories": 7},
        lambda content: content | {"ways": None},
        lambda content: content | {"background": {"name": "rows", "mean": [1.0], "deviation": []}},
        lambda content: [content],
    ],
    ids=[
        *("another-bundle", "another-format", "no-ways", "too-few-columns", "other-shares", "other-categories"),
        *("no-list", "reasons-without-categories", "other-moments", "no-object"),
    ],
)
def test_a_file_that_does_not_belong_to_the_bundle_is_refused(
    damage: Callable[[Any], Any], loans: Explained, tmp_path: Path
) -> None:
    path = written(loans, tmp_path / "basis.json")
    path.write_text(json.dumps(damage(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
    with pytest.raises(BundleError, match=r"no basis of explanations for this model\. Write it anew"):
        read_again(loans, path)


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


def numbers_of(values: list[Any]) -> list[float]:
    """Values without those that are missing."""
    return [value for value in values if value is not None]
