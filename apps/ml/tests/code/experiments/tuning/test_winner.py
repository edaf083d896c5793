"""The winner in params.yaml: single values are set, everything else stays, and what cannot be done is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from apps.ml.errors import ParameterError
from apps.ml.experiments.tuning.parameters_file import set_values, yaml_scalar
from apps.ml.experiments.tuning.winner import apply_winner, experiment_line, winner_values
from apps.ml.tests.code.experiments.tuning.test_front import record

ROOT = Path(__file__).resolve().parents[6]
TEXT = """\
# Every choice.
model:
  estimator: trees           # a key of `estimators`
  rates: {a: 1}

  estimators:
    # the trees
    trees:
      depth: 3   # how deep
      rate: 0.1
    lines:
      C: 1.0
other: "quoted # text"
"""


def test_values_are_set_and_comments_stay() -> None:
    found = set_values(TEXT, {"model.estimator": "lines", "model.estimators.trees.depth": 12})
    assert found == TEXT.replace("estimator: trees           #", "estimator: lines           #").replace(
        "depth: 3   #", "depth: 12  #"
    )


def test_missing_values_and_sections_are_added_at_the_end_of_theirs() -> None:
    found = set_values(TEXT, {"model.estimators.trees.leaves": 7, "model.stop.enabled": False})
    assert yaml.safe_load(found)["model"]["stop"] == {"enabled": False}
    assert "      rate: 0.1\n      leaves: 7\n    lines:" in found
    assert "      C: 1.0\n  stop:\n    enabled: false\nother:" in found


@pytest.mark.parametrize("path", ["model.rates.a", "model.estimators", "model.estimators.trees.depth.more", "other.x"])
def test_what_cannot_be_set_by_itself_is_refused_with_the_other_way(path: str) -> None:
    with pytest.raises(ParameterError, match=r"cannot be set without touching other lines.*`dvc exp run`"):
        set_values(TEXT, {path: 2}, otherwise="dvc exp run")


def test_a_quoted_text_with_a_hash_is_replaced_or_refused_but_never_broken() -> None:
    with pytest.raises(ParameterError):
        set_values(TEXT + "last: 'a # b'  # remark\n", {"last": "c"})


@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.booleans(), st.text("abc #:'1e")))
def test_every_plain_value_is_read_back(value: Any) -> None:
    assert yaml.safe_load(yaml_scalar(value)) == value


def test_a_winner_that_grew_has_its_rounds_and_no_early_stopping() -> None:
    grown = record(3, 0.4, estimator="lightgbm", options={"learning_rate": 1e-5}, kept=61, resource="rounds")
    values = winner_values(grown)
    assert values == {
        "model_training.estimator": "lightgbm",
        "model_training.estimators.lightgbm.learning_rate": 1e-5,
        "model_training.estimators.lightgbm.n_estimators": 61,
        "model_training.early_stopping.enabled": False,
    }
    assert experiment_line(values).startswith("dvc exp run -S model_training.estimator=lightgbm -S ")
    assert "learning_rate=1.0e-05" in experiment_line(values)


def test_a_winner_on_rows_leaves_early_stopping_alone() -> None:
    found = winner_values(record(3, 0.4, estimator="logistic_regression", options={"C": 0.3}))
    assert found == {
        "model_training.estimator": "logistic_regression",
        "model_training.estimators.logistic_regression.C": 0.3,
    }


def test_the_file_of_this_repository_can_be_edited(tmp_path: Path) -> None:
    before = (ROOT / "params.yaml").read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(before, encoding="utf-8")
    grown = record(
        3, 0.4, estimator="xgboost", options={"max_depth": 4, "reg_lambda": 0.25}, kept=77, resource="rounds"
    )
    apply_winner(path, winner_values(grown))
    after = path.read_text(encoding="utf-8")
    changed = [(old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert len(changed) == 5
    assert all(old.partition("#")[2] == new.partition("#")[2] for old, new in changed)
    assert yaml.safe_load(after)["model_training"]["estimators"]["xgboost"]["n_estimators"] == 77


def test_a_value_that_the_parameters_refuse_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(ParameterError, match="max_depth"):
        apply_winner(path, {"model_training.estimators.xgboost.max_depth": -1})
    assert path.read_bytes() == before
