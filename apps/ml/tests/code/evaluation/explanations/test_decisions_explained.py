import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apps.ml.data.processed import read_schema, read_split
from apps.ml.errors import DataError
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.decisions import DecisionExplanations, DecisionRows, explain_decisions
from apps.ml.models.bundle import ModelBundle, read_bundle
from apps.ml.parameters import ModelEvaluation
from apps.ml.tests import small_loans, small_pipeline
from apps.ml.tests.small_decisions import PARAMETERS, decision_rows, rule


def with_settings(**changes: object) -> ModelEvaluation:
    return PARAMETERS.model_copy(update={"explanations": PARAMETERS.explanations.model_copy(update=changes)})


@pytest.fixture(scope="module")
def explained() -> DecisionExplanations:
    return explain_decisions(rule(), decision_rows(), PARAMETERS)


def test_the_dictionary_has_two_parts_that_are_json(explained: DecisionExplanations) -> None:
    content = explained.to_dict()
    assert list(content) == ["reasons", "counterfactuals"]
    json.dumps(content, allow_nan=False)
    assert list(content["reasons"]) == [
        "method",
        "limits",
        "reference",
        "rows",
        "unfavourable_rows",
        "reasons_by_frequency",
        "without_reason",
        "withheld",
        "faithfulness",
        "stability",
        "by_group",
        "examples",
    ]
    assert list(content["counterfactuals"]) == [
        "method",
        "unit",
        "limits",
        "most_changes",
        "actionable_columns",
        "reference_rows",
        "rows",
        "none_found",
        "examples",
        "by_group",
    ]


def test_the_same_rows_and_seed_give_the_same_bytes_and_another_seed_other_rows(
    explained: DecisionExplanations,
) -> None:
    again = explain_decisions(rule(), decision_rows(), PARAMETERS)
    assert json.dumps(again.to_dict()) == json.dumps(explained.to_dict())
    assert again.flip_rates == explained.flip_rates
    other = explain_decisions(rule(), decision_rows(), PARAMETERS.model_copy(update={"seed": 4}))
    rows = [[one["row"] for one in found.reasons["examples"]] for found in (explained, other)]
    assert rows[0] != rows[1]


def test_only_unfavourably_decided_rows_are_named_and_by_their_number(explained: DecisionExplanations) -> None:
    rows = decision_rows()
    unfavourable = set(rows.rows[~rule().is_favourable(rows.frame)].tolist())
    named = [one["row"] for one in explained.reasons["examples"] + explained.counterfactuals["examples"]]
    assert len(explained.reasons["examples"]) == 4
    assert len(explained.counterfactuals["examples"]) == 10
    assert set(named) <= unfavourable
    assert explained.reasons["unfavourable_rows"] == len(unfavourable)
    assert explained.reasons["rows"] == 120


def test_no_value_of_a_person_is_in_the_dictionary() -> None:
    rows = decision_rows()
    marked = replace(rows, frame=rows.frame.assign(income=17.125, noise=3.0625, age=33.0))
    text = json.dumps(explain_decisions(rule(), marked, PARAMETERS).to_dict())
    assert "17.125" not in text
    assert "3.0625" not in text


def test_examples_say_reasons_in_words_and_whether_the_strongest_was_withheld(
    explained: DecisionExplanations,
) -> None:
    for example in explained.reasons["examples"]:
        assert set(example) == {"row", "reasons", "strongest_withheld"}
        assert 0 < len(example["reasons"]) <= 4
        assert "the grade" in example["reasons"] or all("grade" not in words for words in example["reasons"])


def test_factors_that_may_not_be_told_are_named_and_their_rows_counted(explained: DecisionExplanations) -> None:
    withheld = explained.reasons["withheld"]
    assert withheld["columns"] == ["district", "age", "sex"]
    assert 0 < withheld["share"]["value"] < 0.6


def test_recourse_is_told_for_judged_groups_with_the_size_of_their_sample(explained: DecisionExplanations) -> None:
    found = explained.counterfactuals["by_group"]
    assert set(found) == {"sex", "age", "region"}
    assert set(found["sex"]["groups"]) == {"f", "m"}
    assert found["sex"]["not_judged"] == ["unknown"]
    assert found["sex"]["sample"] == "up to 30 unfavourably decided rows of each judged group, 60 in all"
    assert found["sex"]["groups"]["f"]["n"] == 30
    assert 0 < found["sex"]["difference"]["p_value"] <= 1


def test_flip_rates_are_told_for_every_attribute(explained: DecisionExplanations) -> None:
    assert set(explained.flip_rates) == {"sex", "age", "region"}
    assert (explained.flip_rates["sex"].value or 0) > 0
    assert explained.flip_rates["region"].value == 0


def test_where_nobody_is_decided_unfavourably_parts_are_undefined_with_the_reason() -> None:
    found = explain_decisions(rule(threshold=0.0), decision_rows(60), PARAMETERS)
    assert found.reasons["undefined"] == "no row is decided unfavourably"
    assert found.counterfactuals == {"undefined": "no row is decided unfavourably"}
    assert found.flip_rates["sex"].value == 0.0


def test_where_everybody_is_decided_unfavourably_nobody_is_at_the_cut_off() -> None:
    found = explain_decisions(rule(threshold=1.1), decision_rows(60), PARAMETERS)
    assert "nobody is at the cut-off" in found.reasons["undefined"]
    assert found.counterfactuals["none_found"]["value"] == 1.0
    all_applicants = with_settings(reason_method="below_average_of_applicants")
    other = explain_decisions(rule(threshold=1.1), decision_rows(60), all_applicants)
    assert other.reasons["method"] == "furthest below the average of all applicants"
    assert "band" not in other.reasons["reference"]
    assert other.reasons["rows"] == 60


def test_counterfactuals_that_are_not_asked_for_are_not_searched() -> None:
    found = explain_decisions(rule(), decision_rows(60), with_settings(counterfactual_rows=0))
    assert found.counterfactuals == {"undefined": "no counterfactual was asked for"}


def test_a_test_set_without_rows_is_explained_as_undefined() -> None:
    rows = decision_rows(60)
    empty = DecisionRows(
        rows.frame.head(0), rows.rows[:0], rows.labels[:0], rows.groups.head(0), rows.reference, rows.attributes
    )
    found = explain_decisions(rule(), empty, PARAMETERS)
    assert found.reasons["undefined"] == "no row is decided unfavourably"
    assert found.flip_rates["sex"].undefined is not None


def test_parts_of_different_length_are_refused_with_their_lengths() -> None:
    rows = decision_rows(60)
    with pytest.raises(DataError, match="frame 60, rows 59, labels 60, groups 60"):
        explain_decisions(rule(), replace(rows, rows=rows.rows[:59]), PARAMETERS)


def test_an_index_of_the_frames_does_not_matter(explained: DecisionExplanations) -> None:
    rows = decision_rows()
    odd = np.arange(len(rows.frame))[::-1] * 7
    shuffled = replace(rows, frame=rows.frame.set_axis(odd, axis=0), groups=rows.groups.set_axis(odd, axis=0))
    assert explain_decisions(rule(), shuffled, PARAMETERS).to_dict() == explained.to_dict()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelBundle]:
    prepared = small_pipeline.with_features(tmp_path_factory.mktemp("prepared"))
    root: Path = tmp_path_factory.mktemp("trained")
    names = ("logistic_regression", "random_forest", "lightgbm")
    return {name: read_bundle(small_pipeline.trained(prepared, root / name, name).bundle) for name in names}


@pytest.mark.parametrize("name", ["logistic_regression", "random_forest", "lightgbm"])
def test_a_trained_model_is_explained_from_its_bundle(bundles: dict[str, ModelBundle], name: str) -> None:
    bundle, test = bundles[name], small_loans.split("test")
    decided = DecisionRule(
        bundle.info.columns, bundle.score, bundle.decide, bundle.info.favourable, bundle.info.threshold or 0.5
    )
    rows = DecisionRows(
        test.features,
        test.rows,
        test.labels,
        test.groups,
        small_loans.split("train").features,
        small_loans.schema().attributes,
    )
    found = explain_decisions(decided, rows, PARAMETERS)
    first = {one["column"] for one in found.reasons["reasons_by_frequency"][:4]}
    assert first <= {"income", "debt", "age", "owner", "city", "noise"}
    assert {"income", "debt"} <= first
    assert found.reasons["faithfulness"]["difference"]["mean_move"]["lower"] > 0
    assert found.reasons["stability"]["mean_jaccard"]["value"] > 0.6
    assert found.counterfactuals["none_found"]["value"] < 0.5
    assert found.flip_rates["sex"].value == 0.0


@pytest.mark.slow
def test_the_default_data_set_is_explained_within_seconds(tmp_path: Path) -> None:
    import shutil

    from apps.ml.artifact_paths import ArtifactPaths
    from apps.ml.parameters import read_parameters
    from apps.ml.pipelines import data_processing, feature_engineering, model_training

    shutil.copy(Path(__file__).resolve().parents[6] / "params.yaml", tmp_path)
    paths = ArtifactPaths(tmp_path)
    for stage in (data_processing, feature_engineering, model_training):
        stage.main(paths)
    bundle, schema, test = read_bundle(paths.bundle), read_schema(paths.processed), read_split(paths.processed, "test")
    decided = DecisionRule(
        bundle.info.columns, bundle.score, bundle.decide, bundle.info.favourable, bundle.info.threshold or 0.5
    )
    rows = DecisionRows(
        test.features,
        test.rows,
        test.labels,
        test.groups,
        read_split(paths.processed, "train").features,
        schema.attributes,
    )
    started = time.perf_counter()
    found = explain_decisions(decided, rows, read_parameters(paths.parameters).model_evaluation)
    assert time.perf_counter() - started < 20
    assert found.reasons["faithfulness"]["difference"]["mean_move"]["lower"] > 0.1
    assert found.reasons["stability"]["mean_jaccard"]["value"] > 0.8
    assert "neighbourhood_index" in found.reasons["withheld"]["columns"]
