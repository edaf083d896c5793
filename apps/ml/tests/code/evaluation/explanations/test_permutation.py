import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from apps.ml.data.processed import ColumnSchema
from apps.ml.evaluation.explanations.effects_of_columns.permutation import (
    LEAST_ROWS,
    PERMUTATIONS,
    auc_influence,
    permutation_importance,
    row_influence,
)
from apps.ml.evaluation.statistics.scores.ranking import roc_auc
from apps.ml.parameters import ModelEvaluation
from apps.ml.tests.made_up_rules import COLUMNS, PARAMETERS, Score, additive, labels_of, people, rule_of

NUMBERS = (ColumnSchema("x", "numeric"), ColumnSchema("y", "numeric"))


def only(column: str) -> Score:
    return lambda frame: frame[column].to_numpy(dtype=np.float64)


def test_a_column_that_alone_decides_loses_all_ranking_and_half_of_the_decisions() -> None:
    x = np.arange(400) / 400
    frame = pd.DataFrame({"x": x, "y": np.zeros(400) + (np.arange(400) % 2)})
    labels = (x >= 0.5).astype(np.int8)
    found = permutation_importance(rule_of(only("x"), NUMBERS), frame, labels, PARAMETERS).columns
    assert list(found) == ["x", "y"]
    assert found["x"].roc_auc_loss.value == pytest.approx(0.5, abs=0.05)
    assert found["x"].flipped.value == pytest.approx(0.5, abs=0.05)
    assert found["x"].accuracy_loss.value == found["x"].flipped.value
    assert found["y"].roc_auc_loss.to_dict() == {"value": 0.0, "n": 400, "method": "no score changed"}
    assert found["y"].accuracy_loss.value == 0
    assert found["y"].accuracy_loss.lower is None
    assert found["y"].flipped.value == 0
    assert found["y"].flipped.upper == pytest.approx(0.0095, abs=0.0002)


def test_losses_are_those_of_scoring_each_permuted_frame_anew() -> None:
    frame, rule = people(200), rule_of()
    labels = labels_of(frame)
    found = permutation_importance(rule, frame, labels, PARAMETERS)
    before, decided = additive(frame), rule.decisions(frame)
    for position, column in enumerate(COLUMNS):
        generator = np.random.default_rng([PARAMETERS.seed, PERMUTATIONS, position])
        areas, flips, hits = [], [], []
        for _ in range(3):
            dealt = frame.copy()
            dealt[column.name] = frame[column.name].take(generator.permutation(200)).array
            areas.append(roc_auc_score(labels, additive(dealt)))
            flips.append(np.mean(rule.decisions(dealt) != decided))
            hits.append(np.mean(rule.decisions(dealt) == labels))
        one = found.columns[column.name]
        assert one.roc_auc_loss.value == pytest.approx(roc_auc_score(labels, before) - np.mean(areas))
        assert one.flipped.value == pytest.approx(np.mean(flips))
        assert one.accuracy_loss.value == pytest.approx(np.mean(decided == labels) - np.mean(hits))


def test_influences_sum_to_nothing_and_give_delongs_interval() -> None:
    generator = np.random.default_rng(1)
    labels = (np.arange(300) % 3 == 0).astype(np.int8)
    scores = np.round(generator.normal(size=300) + labels, 1)
    areas, influence = auc_influence(labels, scores[None])
    assert areas[0] == pytest.approx(roc_auc_score(labels, scores))
    assert influence.sum() == pytest.approx(0, abs=1e-9)
    measured = roc_auc(labels, scores, 0.95)
    assert measured.value == pytest.approx(areas[0])
    assert measured.lower is not None
    assert measured.upper is not None
    half = 1.98 * np.sqrt(np.mean(influence**2) / 300)
    assert measured.upper - measured.lower == pytest.approx(2 * half, rel=0.05)


def test_a_row_counts_as_itself_and_by_what_it_gives() -> None:
    changes = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    dealt = np.array([[2, 3, 0, 1], [1, 0, 3, 2]])
    # Row 0 changes by .5 on average: by .5 more with the value of row 2, by .5 less with that of row 1.
    expected = np.array([0.5, 0, 0, 0]) - 0.125 + np.array([0, -0.25, 0.25, 0])
    np.testing.assert_allclose(row_influence(changes, dealt), expected)
    assert row_influence(changes, dealt).sum() == pytest.approx(0)


def test_one_class_leaves_ranking_undefined_and_decisions_measured() -> None:
    frame = people(100)
    found = permutation_importance(rule_of(), frame, np.ones(100, dtype=np.int8), PARAMETERS).columns
    assert found["income"].roc_auc_loss.undefined == "ranking needs rows of both classes and all rows are of one"
    assert found["income"].flipped.value is not None
    assert next(iter(found)) == "income"


def test_a_constant_column_and_a_single_row_are_undefined() -> None:
    frame = people(100)
    frame["member"] = np.nan
    found = permutation_importance(rule_of(), frame, labels_of(frame), PARAMETERS).columns
    reason = found["member"].flipped.undefined
    assert reason is not None
    assert reason.startswith("the column holds one value")
    alone = permutation_importance(rule_of(), frame.iloc[:1], np.array([1], dtype=np.int8), PARAMETERS).columns
    assert {one.flipped.undefined for one in alone.values()} == {"fewer than two rows were looked at"}
    nobody = permutation_importance(rule_of(), frame.iloc[:0], np.zeros(0, dtype=np.int8), PARAMETERS)
    assert nobody.rows == 0


def test_the_same_seed_gives_the_same_numbers_and_the_rows_stay_as_they_were() -> None:
    frame = people(150)
    before, labels = frame.copy(deep=True), labels_of(frame)
    first = permutation_importance(rule_of(), frame, labels, PARAMETERS)
    assert permutation_importance(rule_of(), frame, labels, PARAMETERS) == first
    other = permutation_importance(rule_of(), frame, labels, PARAMETERS.model_copy(update={"seed": 5}))
    assert other != first
    pd.testing.assert_frame_equal(frame, before)
    json.dumps(first.to_dict(), allow_nan=False)


def test_rows_are_capped_by_columns_and_repeats_but_never_below_the_least() -> None:
    frame = people(1200)
    many = ModelEvaluation.model_validate({"seed": 1, "explanations": {"permutation_repeats": 40}})
    assert permutation_importance(rule_of(), frame, labels_of(frame), many).rows == 625
    more = ModelEvaluation.model_validate({"seed": 1, "explanations": {"permutation_repeats": 70}})
    assert permutation_importance(rule_of(), frame, labels_of(frame), more).rows == LEAST_ROWS


def test_intervals_hold_the_loss_on_many_rows() -> None:
    columns = (ColumnSchema("x", "numeric"), ColumnSchema("y", "numeric"))

    def score(frame: pd.DataFrame) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-frame["x"] - 0.4 * frame["y"])))

    def draw(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
        generator = np.random.default_rng(seed)
        frame = pd.DataFrame(generator.normal(size=(rows, 2)), columns=["x", "y"])
        return frame, (generator.random(rows) < score(frame)).astype(np.int8)

    rule = rule_of(score, columns)
    large = permutation_importance(rule, *draw(12_000, 1_000), PARAMETERS)
    held = {"roc_auc_loss": 0, "accuracy_loss": 0, "flipped": 0}
    draws = 120
    for seed in range(draws):
        small = permutation_importance(rule, *draw(150, seed), PARAMETERS.model_copy(update={"seed": seed}))
        for name in held:
            truth = getattr(large.columns["y"], name).value
            measured = getattr(small.columns["y"], name)
            held[name] += measured.lower <= truth <= measured.upper
    assert all(count >= 0.9 * draws for count in held.values()), held
