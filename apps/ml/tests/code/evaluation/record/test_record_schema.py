import copy
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import ValidationError

from apps.ml.errors import BadInputError
from apps.ml.evaluation.record.found import Measured
from apps.ml.evaluation.record.layout import DecisionRecord
from apps.ml.evaluation.record.record_file import require_layout
from apps.ml.evaluation.record.schema import SCHEMA_FILE, evidence_schema, write_schema
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.files import read_json
from apps.ml.tests import small_evaluation

NOT_A_NUMBER = float("nan")


def _at(record: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    *parents, last = path.split("/")
    for key in parents:
        record = record[key]
    return record, last


def _with(path: str, value: Any) -> dict[str, Any]:
    record = small_evaluation.record()
    place, key = _at(record, path)
    place[key] = value
    return record


def test_the_committed_schema_is_that_of_the_types(tmp_path: Path) -> None:
    write_schema(tmp_path / "schema.json")
    message = "run `python -m apps.ml.evaluation.record.schema`"
    assert (tmp_path / "schema.json").read_bytes() == SCHEMA_FILE.read_bytes(), message


@pytest.mark.parametrize("kind", ["model", "decisions", "weighted decisions"])
def test_every_kind_of_record_fits_the_types_and_the_schema(kind: str) -> None:
    record = {
        "model": small_evaluation.record,
        "decisions": small_evaluation.audit_record,
        "weighted decisions": lambda: small_evaluation.audit_record(labels=True, scores=True, weights=True),
    }[kind]()
    require_layout(record)
    schema = read_json(SCHEMA_FILE)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(record)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("surprise", 1),
        ("model/surprise", 1),
        ("subject", "people"),
        ("format", 1),
        ("digest", "short"),
        ("decision/threshold", "0.5"),
        ("data/rows/test", -1),
        ("performance/accuracy", {"value": None, "n": 3}),
        ("performance/accuracy", {"value": 0.5, "n": 3, "undefined": "both"}),
        ("performance/accuracy/n", -1),
        ("fairness/sex/groups/unknown/accuracy/value", "high"),
        ("explainability/behaviour/deep", [{"value": None, "n": 3}]),
        ("counts/sex/counts", [[[1, 2], [3]]]),
        ("parameters/confidence", 1.0),
        ("fairness/sex/groups/unknown/judged", "yes"),
        ("parameters/explanations/reasons", 5),
        ("explainability/lime/mean_r2", 0.5),
        ("explainability/reasons/examples", [{"row": 1, "reasons": ["a", "b", "c", "d", "e"]}]),
        ("truth/true_chance/correlation", {"n": 3}),
    ],
)
def test_types_and_schema_refuse_the_same_records(path: str, value: Any) -> None:
    record = _with(path, value)
    with pytest.raises(BadInputError, match="does not have the layout of format 3"):
        require_layout(record)
    assert not jsonschema.Draft202012Validator(evidence_schema()).is_valid(record)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model", None, "a record about model needs model"),
        ("explainability", {}, "a record about model needs explainability"),
        ("subject", "decisions", "a record about decisions has no model, policy, explainability"),
        ("fairness/sex/groups/unknown/n", 6, "counts and fairness of 'sex' differ"),
        ("counts/height", {"groups": [], "labelled": True, "counts": [[[1, 1], [1, 1]]]}, "one 2 × 2 block per group"),
        ("performance/accuracy/lower", 0.99, "the lower bound of a measurement"),
        ("performance/accuracy/value", NOT_A_NUMBER, "performance.accuracy.value"),
        ("counts/sex/weights", [], "one 2 × 2 block per group"),
        ("performance/rows", None, "a record about model needs performance.rows"),
        ("parameters/explanations", None, "a record about model needs parameters.explanations"),
        ("explainability/additivity_error", None, "an additivity error or a reason why they are undefined"),
        ("explainability/reasons/stability", None, "reasons need stability, or why they are undefined"),
        ("explainability/reasons/withheld/columns", ["income"], "a column that is withheld is given as a reason"),
    ],
)
def test_what_only_code_can_check_is_refused_too(path: str, value: Any, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        require_layout(_with(path, value))


def test_counts_of_an_attribute_that_was_not_assessed_are_refused() -> None:
    record = small_evaluation.record()
    record["counts"]["height"] = record["counts"]["sex"]
    with pytest.raises(BadInputError, match="data, fairness and counts speak of different attributes"):
        require_layout(record)


def test_groups_that_were_measured_and_not_counted_are_refused() -> None:
    record = small_evaluation.record()
    record["fairness"]["sex"]["groups"]["others"] = {"n": 3, "judged": False, "why_not": "3 rows are few"}
    with pytest.raises(BadInputError, match="counts and fairness of 'sex' differ"):
        require_layout(record)


def test_attributes_that_count_different_numbers_of_rows_are_refused() -> None:
    record = small_evaluation.record()
    record["counts"]["sex"]["counts"][0][0][0] += 1
    record["fairness"]["sex"]["groups"][record["counts"]["sex"]["groups"][0]]["n"] += 1
    with pytest.raises(BadInputError, match="count different numbers of rows"):
        require_layout(record)


def test_a_record_in_which_nobody_looked_for_reasons_is_accepted() -> None:
    require_layout(_with("explainability/reasons", {}))
    require_layout(_with("explainability/reasons", {"undefined": "no row is decided unfavourably"}))


def test_a_message_names_the_place_and_the_repair_and_never_what_stands_there() -> None:
    with pytest.raises(BadInputError, match=r"data.licence: .*evidence.schema.json") as caught:
        require_layout(_with("data/licence", ["a secret"]))
    assert "a secret" not in str(caught.value)


def test_a_message_names_a_few_places_and_counts_the_others() -> None:
    record = small_evaluation.record()
    record["model"] = dict.fromkeys(record["model"], object())
    with pytest.raises(BadInputError, match="and 5 more"):
        require_layout(record)


def test_measurements_of_the_code_are_measurements_of_the_record() -> None:
    shown = Measurement(0.5, 10, 0.2, 0.8, 0.95, "Wilson", 5, 10, None, 0.1, 0.9, "a", "b", "accuracy")
    assert Measured.model_validate(shown.to_dict()).model_dump() == {**shown.to_dict(), "undefined": None}
    assert Measured.model_validate(undefined("nobody").to_dict()).value is None


def test_a_record_cannot_be_changed_in_the_hand() -> None:
    record = DecisionRecord.model_validate(small_evaluation.record())
    with pytest.raises(ValidationError, match="frozen"):
        record.decision.threshold = 0.1


def test_checking_a_record_leaves_it_as_it_is() -> None:
    record = small_evaluation.record()
    before = copy.deepcopy(record)
    require_layout(record)
    assert record == before
