import json
import struct
from typing import Any

import numpy as np
import pytest

from apps.ml.evaluation.explanations.behaviour import BehaviourRows, explain_behaviour
from apps.ml.evaluation.explanations.contributions.shap_values import Contributions
from apps.ml.evaluation.plots.effects import effects_plot
from apps.ml.evaluation.plots.group_contributions import gap_shares_plot, importance_by_group_plot
from apps.ml.evaluation.plots.permutation import permutation_plot
from apps.ml.evaluation.plots.style import Plot
from apps.ml.tests.made_up_rules import COLUMNS, PARAMETERS, groups_of, labels_of, people, rule_of


@pytest.fixture(scope="module")
def section() -> dict[str, Any]:
    frame = people(200)
    values = np.random.default_rng(0).normal(size=(200, 4))
    values[groups_of(200)["sex"].to_numpy() == "men", 0] += 1
    names = tuple(column.name for column in COLUMNS)
    found = Contributions("made up", "log-odds", names, values, np.zeros(200))
    rows = BehaviourRows(frame, labels_of(frame), groups_of(200), np.arange(200))
    content: dict[str, Any] = json.loads(json.dumps(explain_behaviour(rule_of(), rows, found, PARAMETERS).to_dict()))
    return content


def drawn(section: dict[str, Any]) -> list[Plot]:
    return [
        effects_plot(section["effects"]),
        permutation_plot(section["permutation"], 3),
        importance_by_group_plot("sex", section["importance_by_group"]),
        gap_shares_plot("sex", section["gap_shares"]),
    ]


@pytest.fixture(scope="module")
def pictures(section: dict[str, Any]) -> list[Plot]:
    return drawn(section)


def size(plot: Plot) -> tuple[int, int]:
    width, height = struct.unpack(">II", plot.png[16:24])
    return width, height


def test_pictures_are_drawn_from_json_alone_and_are_the_same_twice(
    section: dict[str, Any], pictures: list[Plot]
) -> None:
    assert [plot.png for plot in drawn(section)] == [plot.png for plot in pictures]
    assert [plot.name for plot in pictures] == ["effects", "permutation", "importance_by_group_sex", "gap_shares_sex"]
    assert all(plot.title and plot.description.endswith(".") for plot in pictures)


def test_descriptions_hold_the_numbers_of_the_picture(pictures: list[Plot]) -> None:
    effects, permutation, importance, gap = pictures
    assert "income: from 0." in effects.description
    assert permutation.description.count(";") == 2
    assert "men: income" in importance.description
    assert "men − women" in gap.description
    assert "income +" in gap.description


def test_sections_without_content_are_drawn_as_their_reason() -> None:
    nothing = {"value": None, "n": 1, "undefined": "too few"}
    column = dict.fromkeys(("roc_auc_loss", "accuracy_loss", "flipped"), nothing)
    permutation = {"rows": 1, "repeats": 2, "columns": {"income": column}}
    assert "income: undefined" in permutation_plot(permutation, 3).description
    effects = {"mean_score": 0.5, "columns": {"income": {"kind": "numeric", "undefined": "it hardly varies"}}}
    assert "income: undefined" in effects_plot(effects).description
    assert "no column" in effects_plot({"mean_score": None, "columns": {}}).description
    lying = {"output": "log-odds", "attributes": {"sex": {"undefined": "they do not add up"}}}
    assert "they do not add up" in gap_shares_plot("sex", lying).description
    assert "they do not add up" in importance_by_group_plot("sex", lying).description


def test_more_columns_make_a_higher_picture(section: dict[str, Any], pictures: list[Plot]) -> None:
    effect = section["effects"]["columns"]["income"]
    many = {**section["effects"], "columns": {f"income {number}": effect for number in range(7)}}
    assert size(effects_plot(many))[1] > 1.3 * size(pictures[0])[1]


def test_names_with_signs_of_formulas_and_long_names_are_drawn(section: dict[str, Any]) -> None:
    effect = section["effects"]["columns"]["region"]
    named = {**section["effects"], "columns": {"$a_1$ <b> that goes on and on and on and on": effect}}
    assert effects_plot(named).png
    group = section["importance_by_group"]["attributes"]["sex"]["groups"]["men"]
    many = {f"a rather long name of group {number}": group for number in range(12)}
    heat = {"output": "log-odds", "attributes": {"sex": {"groups": many}}}
    assert size(importance_by_group_plot("sex", heat))[0] > 1200
