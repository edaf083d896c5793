"""What an audit finds, against published numbers, slow counting and the same assessment of the rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from apps.ml.errors import BadInputError, ParameterError
from apps.ml.evaluation.audit import csv_chunks
from apps.ml.evaluation.audit.assessment import audit
from apps.ml.evaluation.audit.limits import EQUAL_OPPORTUNITY, FOUR_FIFTHS, parse_gate, read_gates, require_own_names
from apps.ml.evaluation.audit.options import AuditOptions, score_scale_named
from apps.ml.evaluation.audit.outcome_words import OutcomeWords
from apps.ml.evaluation.fairness.assessment import assess_fairness
from apps.ml.files import rounded
from apps.ml.parameters import Gate, ModelEvaluation
from apps.ml.tests.audited_files import COMPAS, COMPAS_WORDS, audited, decisions, options, written

CHAMPION = Gate(name="ranking", metric="performance.roc_auc", at_least=-0.01, reference="champion")
TABLE = "sex,label,decision\n" + "f,1,1\n" * 6 + "f,0,0\n" * 4 + "m,1,1\n" * 8 + "m,0,1\n" * 2


@pytest.mark.skipif(not COMPAS.exists(), reason="FAIRMIND_DATA_DIR is not set; the COMPAS rows are not here")
def test_compas_gives_the_published_table() -> None:
    asked = AuditOptions(COMPAS, ("race", "sex"), COMPAS_WORDS, prediction="score_text", label="two_year_recid")
    done = audit(asked)
    counts = done.record["counts"]["race"]
    tables = dict(zip(counts["groups"], counts["counts"], strict=True))
    assert tables["African-American"] == [[990, 805], [532, 1369]]
    assert tables["Caucasian"] == [[1139, 349], [461, 505]]
    groups = done.record["fairness"]["race"]["groups"]
    assert groups["African-American"]["false_positive_rate"]["value"] == pytest.approx(0.448468, abs=5e-7)
    assert groups["Caucasian"]["false_negative_rate"]["value"] == pytest.approx(0.477226, abs=5e-7)
    assert not groups["Native American"]["judged"]
    assert done.record["decision"]["favourable"] == "negative"
    assert done.record["decision"]["positive_name"] == "score_text: High, Medium"
    assert done.exit_code == 1


def test_an_audit_finds_what_the_assessment_of_the_rows_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_chunks, "BLOCK_BYTES", 2000)
    frame = decisions()
    path = written(tmp_path / "people.csv", frame)
    record = audit(options(path, sensitive=("sex", "region"), score="score", conditions=("region",))).record
    groups = frame[["sex", "region"]].assign(**{"sex × region": frame["sex"] + " × " + frame["region"]})
    expected = assess_fairness(
        frame["label"],
        frame["decision"],
        groups,
        "positive",
        ModelEvaluation(seed=20260103),
        scores=frame["score"],
        conditions=frame[["region"]],
    )
    wanted = rounded(expected.to_dict())
    for attribute in wanted:
        names = set(wanted[attribute]) - {"conditional"}
        assert {name: record["fairness"][attribute][name] for name in names} == {
            name: wanted[attribute][name] for name in names
        }
    assert set(record["fairness"]["sex"]["conditional"]) == {"region"}
    assert record["fairness"]["region"]["conditional"] == {}


def test_without_labels_only_what_decisions_allow_is_measured(tmp_path: Path) -> None:
    frame = decisions().drop(columns="label")
    path = written(tmp_path / "people.csv", frame)
    record = audit(options(path, sensitive=("sex", "region"), label=None)).record
    assert set(record["fairness"]) == {"sex", "region", "sex × region"}
    for names in (["sex"], ["region"], ["sex", "region"]):
        shown = " × ".join(names)
        rates = frame.groupby(names)["decision"].mean()
        for key, rate in rates.items():
            group = record["fairness"][shown]["groups"][" × ".join(key) if isinstance(key, tuple) else key]
            assert group["selection_rate"]["value"] == pytest.approx(rate, rel=1e-9)
            assert group["impact_ratio"]["value"] == pytest.approx(rate / rates.max(), rel=1e-9)
            assert group["true_positive_rate"]["value"] is None
    assert record["fairness"]["sex"]["equal_opportunity_difference"]["undefined"] == "there are no labels"
    assert list(record["gates"]["gates"]) == ["four fifths"]
    assert record["gates"]["guards"] == {}
    assert not record["counts"]["sex"]["labelled"]


def test_scoring_rates_are_strictly_above_the_median_of_everybody(tmp_path: Path) -> None:
    frame = decisions()
    frame.loc[::5, "sex"] = None
    path = written(tmp_path / "people.csv", frame)
    record = audit(options(path, label=None, score="score")).record
    above = frame["score"] > frame["score"].median()
    for sex in ("female", "male"):
        found = record["fairness"]["sex"]["groups"][sex]["scoring_rate"]["value"]
        assert found == pytest.approx(above[frame["sex"] == sex].mean(), rel=1e-9)
    assert any("strictly above the median" in note for note in record["data"]["notes"])


def test_weights_make_weighted_rates_and_plain_numbers_of_rows(tmp_path: Path) -> None:
    frame = decisions()
    record = audit(options(written(tmp_path / "people.csv", frame), weight="weight")).record
    for sex, rows in frame.groupby("sex"):
        group = record["fairness"]["sex"]["groups"][str(sex)]
        assert group["n"] == len(rows)
        expected = np.average(rows["decision"], weights=rows["weight"])
        assert group["selection_rate"]["value"] == pytest.approx(expected, rel=1e-9)
    expected = np.average(frame["decision"] == frame["label"], weights=frame["weight"])
    assert record["performance"]["accuracy"]["value"] == pytest.approx(expected, rel=1e-9)
    assert "f1" not in record["performance"]


def test_overall_numbers_are_those_of_the_rows(tmp_path: Path) -> None:
    frame = decisions()
    record = audit(options(written(tmp_path / "people.csv", frame), score="score")).record
    assert record["performance"]["accuracy"]["value"] == pytest.approx((frame["decision"] == frame["label"]).mean())
    positive = frame[frame["label"] == 1]
    assert record["performance"]["recall"]["value"] == pytest.approx(positive["decision"].mean())
    assert record["performance"]["roc_auc"]["value"] == pytest.approx(_auc(frame), abs=1e-3)
    assert record["curves"]["confusion"] == pd.crosstab(frame["label"], frame["decision"]).to_numpy().tolist()


def _auc(frame: pd.DataFrame) -> float:
    ones, zeros = (frame.loc[frame["label"] == label, "score"].to_numpy() for label in (1, 0))
    return float(np.mean((ones[:, None] > zeros).astype(float) + 0.5 * (ones[:, None] == zeros)))


def test_the_same_file_gives_the_same_record_whatever_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "people.csv", decisions())
    whole = audit(options(path, sensitive=("sex", "region"), score="score")).record
    monkeypatch.setattr(csv_chunks, "BLOCK_BYTES", 500)
    assert audit(options(path, sensitive=("sex", "region"), score="score")).record == whole


def test_a_gap_beyond_the_limit_fails_one_within_passes_and_few_rows_decide_nothing(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    apart = "sex,decision\n" + "f,1\nf,0\nf,0\nm,1\n" * 300
    assert audited(path, apart, label=None).exit_code == 1
    alike = "sex,decision\n" + "f,1\nf,0\nm,1\nm,0\n" * 900
    assert audited(path, alike, label=None).exit_code == 0
    few = audited(path, "sex,decision\n" + "f,1\nf,0\nm,1\nm,0\n" * 5, label=None)
    assert few.exit_code == 3
    assert few.record["gates"]["verdict"] == "INCONCLUSIVE"


def test_decisions_that_are_all_the_same_do_not_pass_though_nobody_is_treated_differently(tmp_path: Path) -> None:
    text = "sex,label,decision\n" + "f,1,1\nf,0,1\nm,1,1\nm,0,1\n" * 900
    done = audited(tmp_path / "people.csv", text)
    assert done.record["gates"]["gates"]["four fifths"]["verdict"] == "PASS"
    assert done.record["gates"]["guards"]["constant predictor"]["verdict"] == "FAIL"
    assert done.exit_code == 1


@pytest.mark.parametrize(
    "changed",
    [{"label": 1}, {"label": 0}, {"sex": None}, {"sex": "f"}, {"score": 0.5}],
    ids=["everybody is positive", "nobody is", "unknown groups", "one group", "one score"],
)
def test_rows_that_cannot_show_a_gap_decide_nothing(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = written(tmp_path / "people.csv", decisions(120).assign(**changed))
    done = audit(options(path, score="score"))
    assert done.record["gates"]["verdict"] == "INCONCLUSIVE"
    assert done.exit_code == 3


def test_without_gates_there_is_no_verdict(tmp_path: Path) -> None:
    done = audited(tmp_path / "people.csv", TABLE, gates=())
    assert done.exit_code == 0
    assert done.record["gates"] is None


def test_gates_of_ones_own_take_the_place_of_the_default_ones(tmp_path: Path) -> None:
    asked = (parse_gate("fairness.*.equalized_odds_difference<=0.1"), parse_gate("performance.accuracy >= 0.99"))
    record = audited(tmp_path / "people.csv", TABLE, gates=asked).record
    assert list(record["gates"]["gates"]) == [gate.name for gate in asked]
    with pytest.raises(ParameterError, match=r"mean 'demographic_parity_ratio'\? Mend the path that --gate"):
        audited(tmp_path / "people.csv", TABLE, gates=(parse_gate("fairness.*.demographic_parity_rati>=0.8"),))


def test_a_gate_may_name_attributes_and_groups_of_any_name(tmp_path: Path) -> None:
    text = "value,a.b,age,decision\n" + "value,x,20,1\nother,y,50,0\nvalue,y,50,1\nother,x,20,1\n" * 50
    gates = (
        "fairness.value.demographic_parity_difference<=1",
        "fairness.a.b.demographic_parity_difference<=1",
        "fairness.age.groups.<25.selection_rate>=0.5",
        "fairness.*.groups.*.selection_rate>=0",
    )
    asked = {"sensitive": ("value", "a.b", "age"), "bands": {"age": (25.0,)}, "intersections": 1, "label": None}
    done = audited(tmp_path / "people.csv", text, gates=tuple(parse_gate(gate) for gate in gates), **asked)
    assert [gate["verdict"] for gate in done.record["gates"]["gates"].values()] == ["PASS"] * 4


def test_an_audit_says_how_to_measure_with_more_confidence(tmp_path: Path) -> None:
    path = written(tmp_path / "people.csv", decisions())
    gate = Gate(name="ranking", metric="performance.roc_auc", at_least=0.5, confidence=0.999)
    judged = audit(options(path, score="score", gates=(gate,))).record["gates"]["gates"]["ranking"]
    assert judged["verdict"] == "INCONCLUSIVE"
    assert "Give --confidence 0.999 or more" in judged["reason"]


def test_an_intersection_of_more_groups_than_can_be_compared_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"a{number % 40},b{number // 40},1\n" for number in range(1_040))
    with pytest.raises(BadInputError, match=r"'a × b' has 1,040 groups, more than the 1,000.*--intersections"):
        audited(tmp_path / "people.csv", "a,b,decision\n" + rows, sensitive=("a", "b"), label=None)


def test_few_decisions_that_agree_decide_nothing(tmp_path: Path) -> None:
    done = audited(tmp_path / "people.csv", "sex,label,decision\nf,1,1\n")
    assert done.exit_code == 3
    assert "there is 1 decision" in done.record["gates"]["guards"]["constant predictor"]["reason"]


@pytest.mark.parametrize(
    "text",
    [
        "fairness.sex.accuracy_difference",
        "fairness.*.x<0.1",
        "fairness.*.x<=a",
        "<=0.1",
        "weather.x<=0.1",
        "fairness<=0.1",
    ],
)
def test_a_gate_that_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="--gate"):
        parse_gate(text)


def test_gates_are_read_from_a_file_of_any_of_three_shapes(tmp_path: Path) -> None:
    listed = "- {name: mine, metric: fairness.*.demographic_parity_ratio, at_least: 0.9}\n"
    indented = "".join(f"    {line}\n" for line in listed.splitlines())
    for text in (listed, f"gates:\n{indented}", f"model_registration:\n  gates:\n{indented}"):
        (tmp_path / "gates.yaml").write_text(text)
        (gate,) = read_gates(tmp_path / "gates.yaml")
        assert (gate.name, gate.at_least) == ("mine", 0.9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gates: [", "is not valid YAML"),
        ("gates: []", "holds no gates"),
        ("just words", "holds no gates"),
        ("- {name: mine, metric: fairness.*.x}", "exactly one of at_least and at_most"),
        ("- {name: mine, metric: fairness.*.x, at_leats: 1}", "at_leats"),
    ],
)
def test_a_file_without_gates_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "gates.yaml").write_text(text)
    with pytest.raises(BadInputError, match=message):
        read_gates(tmp_path / "gates.yaml")


def test_a_missing_file_of_gates_and_gates_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="there is no file"):
        read_gates(tmp_path / "absent.yaml")
    with pytest.raises(BadInputError, match="cannot be read"):
        read_gates(tmp_path)
    with pytest.raises(BadInputError, match="two gates are named 'four fifths'"):
        require_own_names((FOUR_FIFTHS, EQUAL_OPPORTUNITY, FOUR_FIFTHS))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"prediction": None}, "there are no decisions"),
        ({"threshold": 0.5, "score": "s"}, "both say what was decided"),
        ({"sensitive": ()}, "there is no sensitive attribute"),
        ({"sensitive": ("label",)}, "the column 'label' is named by --label and by --sensitive"),
        ({"label": "decision"}, "named by --prediction and by --label"),
        ({"bands": {"age": (1.0,)}}, "--bands speaks of 'age', which is none of 'sex'"),
        ({"bands": {"sex": (2.0, 1.0)}}, "lower bounds must ascend"),
        ({"references": {"age": "old"}}, "--reference speaks of 'age'"),
        ({"sensitive": tuple("abcdefghi")}, "9 sensitive columns and conditions are more than the 8"),
        ({"confidence": 1.5}, "--confidence is a number between 0 and 1"),
        ({"confidence": 1 - 1e-16}, "--confidence is a number between 0 and 1"),
        ({"prediction": None, "score": "s", "threshold": float("nan")}, "--threshold is not a finite number"),
        ({"bands": {"sex": (1.0, float("inf"))}}, "is not a finite number of at most six digits"),
        ({"bands": {"sex": (1234567.0, 1234568.0)}}, "is not a finite number of at most six digits"),
        ({"sensitive": ("a", "b", "a × b")}, "the column name 'a × b' holds '×'"),
        ({"gates": (CHAMPION,)}, "the gate 'ranking' limits the change from a champion"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_a_row_is_read(changed: dict[str, object], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        options(Path("absent.csv"), **changed)


def test_an_unknown_scale_is_refused() -> None:
    assert score_scale_named("any") == "any"
    with pytest.raises(BadInputError, match="--score-scale 'percent' is unknown"):
        score_scale_named("percent")


def test_intersections_go_as_deep_as_asked() -> None:
    three = ("a", "b", "c")
    assert list(options(Path("x"), sensitive=three, intersections=1).crossed) == ["a", "b", "c"]
    assert list(options(Path("x"), sensitive=three).crossed) == ["a", "b", "c", "a × b", "a × c", "b × c"]
    assert list(options(Path("x"), sensitive=three, intersections=3).crossed)[-1] == "a × b × c"


def test_the_reference_group_and_the_least_size_are_those_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "people.csv", decisions())
    record = audit(options(path, references={"sex": "male"}, minimum_group_size=10_000, confidence=0.9)).record
    assert not record["fairness"]["sex"]["groups"]["male"]["judged"]
    record = audit(options(path, references={"sex": "male"}, confidence=0.9)).record
    assert record["fairness"]["sex"]["reference"]["group"] == "male"
    assert record["fairness"]["sex"]["groups"]["male"]["selection_rate"]["confidence"] == 0.9
    with pytest.raises(BadInputError, match=r"'sex' has no group 'mal'; did you mean 'male'\?"):
        audit(options(path, references={"sex": "mal"}))


def test_the_record_names_bands_columns_and_rows_left_out(tmp_path: Path) -> None:
    frame = decisions()
    frame["label"] = frame["label"].astype(object)
    frame.loc[:9, "label"] = ""
    path = written(tmp_path / "people.csv", frame)
    asked = options(
        path, sensitive=("age",), bands={"age": (25.0, 45.0)}, leave_out_missing=True, conditions=("region",)
    )
    data = audit(asked).record["data"]
    assert data["rows"] == {"audited": 590}
    assert "10 of them lack a prediction, a label or a score and were left out." in data["notes"]
    (attribute,) = data["attributes"]
    assert attribute["groups"] == ["<25", "25-44", ">=45"]
    assert attribute["bands"] == {"age": ["<25", "25-44", ">=45"]}
    assert [column["name"] for column in data["columns"]] == ["decision", "label", "region", "age"]


def test_words_of_outcomes_stand_in_the_record(tmp_path: Path) -> None:
    text = TABLE.replace(",1\n", ",granted\n").replace(",0\n", ",refused\n")
    words = OutcomeWords(positive=("granted", "1"))
    decision = audited(tmp_path / "people.csv", text, words=words).record["decision"]
    assert decision["positive_name"] == "decision: granted"
    assert decision["negative_name"] == "decision: refused"
    made = audited(
        tmp_path / "people.csv", "sex,s\nf,0.3\nm,0.7\n", prediction=None, label=None, score="s", threshold=0.5
    ).record["decision"]
    assert made == {
        "threshold": 0.5,
        "threshold_rule": None,
        "positive_name": "s at least 0.5",
        "negative_name": "s below 0.5",
        "favourable": "positive",
    }
