"""Documents, report and pictures of predicted wages."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from apps.ml.evaluation.documents.model_card import render_model_card
from apps.ml.evaluation.documents.rendering import DOCUMENTS, render_documents
from apps.ml.evaluation.documents.summary import headlines
from apps.ml.evaluation.documents.words import figure
from apps.ml.evaluation.plots.drawing import draw_all
from apps.ml.evaluation.record.schema import SCHEMA_FILE
from apps.ml.evaluation.report import render_report
from apps.ml.files import read_json
from apps.ml.tests import small_number_evaluation
from apps.ml.tests.code.evaluation.test_report import Page


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    return render_documents(small_number_evaluation.record())


def test_the_record_fits_the_committed_schema() -> None:
    jsonschema.Draft202012Validator(read_json(SCHEMA_FILE)).validate(small_number_evaluation.record())


@pytest.mark.parametrize("name", DOCUMENTS[:3])
def test_documents_about_decisions_say_in_one_line_that_they_do_not_apply(name: str, documents: dict[str, str]) -> None:
    heading, sentence = [line for line in documents[name].splitlines() if line]
    assert heading.startswith("# ")
    assert sentence.startswith("Not applicable to numeric predictions: it asks for ")
    assert "predicts hourly wage and decides nothing" in sentence


def test_annex_iv_and_the_card_hold_errors_in_total_and_by_group(documents: dict[str, str]) -> None:
    record = small_number_evaluation.record()
    shown = figure(record["performance"]["mean_absolute_error"]["value"])
    for text in (documents["eu_ai_act_annex_iv.md"], render_model_card(record)):
        assert f"| mean absolute error | {shown} [" in text
        assert "A high number is good for the person, so a mean error below 0" in text
        assert "islands (not judged: 6 rows are fewer than the minimum group size of 30; a mean of 6 rows" in text
        assert "<wages>" not in text
        assert "None" not in text.replace("None is declared", "")
        assert "positive rate" not in text


def test_the_bill_of_materials_carries_the_metrics_of_regression(documents: dict[str, str]) -> None:
    bill = json.loads(documents["ml_bom.cdx.json"])
    card = bill["components"][0]["modelCard"]
    assert card["modelParameters"]["task"] == "regression"
    assert card["modelParameters"]["outputs"] == [{"format": "hourly wage, number in euros"}]
    metrics = {(one["type"], one.get("slice")): one for one in card["quantitativeAnalysis"]["performanceMetrics"]}
    assert "confidenceInterval" in metrics["r_squared", None]
    assert ("mean_error", "sex: female") in metrics
    assert ("mean_error_difference", "sex") in metrics
    assert "mean errors differ by" in card["considerations"]["fairnessAssessments"][0]["harms"]
    controls = {
        test["test_name"]: test["evidence_state"]
        for component in json.loads(documents["aibom_fairness.json"])["components"]
        for test in component["bias_tests_run"]
    }
    assert controls["errors by group"] == "simulated"
    assert "reasons" not in controls


def test_the_report_is_well_formed_and_shows_every_picture_and_group() -> None:
    record, drawings = small_number_evaluation.record(), small_number_evaluation.drawings()
    page = Page(render_report(record, drawings.plots))
    assert page.tags.count("img") == len(drawings.plots)
    assert all(group in page.text for part in record["fairness"].values() for group in part["groups"])
    assert "the model decides nothing" in page.text
    assert "Small <wages>" in page.text
    assert "selection rate" not in page.text
    assert record["digest"] in page.text
    assert [line.name for line in headlines(record)][:3] == ["mean absolute error", "root mean squared error", "R²"]


def test_pictures_are_those_of_numbers_and_the_same_twice() -> None:
    drawings = small_number_evaluation.drawings()
    names = [plot.name for plot in drawings.plots]
    assert names[:4] == ["predicted_and_observed", "errors", "errors_sex", "predictions_sex"]
    assert "scores_sex" not in names
    again = {plot.name: plot.png for plot in draw_all(small_number_evaluation.record()).plots}
    assert again == {plot.name: plot.png for plot in drawings.plots}
    assert drawings.tables["errors.csv"]["rows"].sum() == 400


def test_pictures_without_rows_say_so() -> None:
    record: dict[str, Any] = small_number_evaluation.record()
    empty: dict[str, list[int]] = {"edges": [], "counts": []}
    record["curves"] |= {"predicted_and_observed": empty, "predictions": empty, "errors": empty}
    record["curves"]["errors_by_prediction"] = []
    assert len(draw_all(record).plots) == len(small_number_evaluation.drawings().plots)


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "0.000"), (1234567.8, "1,234,568"), (-0.012345, "−0.01235"), (25.4567, "25.46"), (None, "–")],
)
def test_numbers_of_any_size_have_four_significant_digits(value: float | None, written: str) -> None:
    assert figure(value) == written
