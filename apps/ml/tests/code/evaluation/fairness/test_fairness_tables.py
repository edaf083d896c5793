import numpy as np
import pandas as pd

from apps.ml.evaluation.fairness import AttributeAssessment, assess_fairness
from apps.ml.evaluation.fairness.tables import COLUMNS, group_table
from apps.ml.evaluation.statistics.shares.rates import GROUP_RATES
from apps.ml.parameters import ModelEvaluation


def attribute() -> AttributeAssessment:
    frame = pd.DataFrame({"sex": ["f"] * 40 + ["m"] * 5})
    labels = np.array([0, 1] * 20 + [0] * 5)
    return assess_fairness(labels, labels, frame, "positive", ModelEvaluation(seed=1)).attributes["sex"]


def test_the_table_has_one_row_per_group_and_rate() -> None:
    table = group_table(attribute())
    assert tuple(table.columns) == COLUMNS
    assert table["group"].tolist() == ["f"] * len(GROUP_RATES) + ["m"] * len(GROUP_RATES)
    assert table["metric"].tolist() == [*GROUP_RATES, *GROUP_RATES]


def test_the_table_tells_value_bounds_and_reason() -> None:
    table = group_table(attribute(), ("true_positive_rate",))
    women, men = table.to_dict("records")
    assert (women["group"], women["value"], women["n"], women["group_rows"]) == ("f", 1.0, 20, 40)
    assert 0 < women["lower"] < women["upper"] == 1.0
    assert not men["judged"]
    assert np.isnan(men["value"])
    assert men["undefined"] == "no row has the positive event"
