"""What a candidate that predicts numbers changes for the same people: candidate minus champion, on the same rows.

The result has the shape of the metric files, so that a gate's path leads to the change of what it leads to there:
`performance.mean_absolute_error` is the mean of the paired differences of absolute errors, below 0 where the candidate
is nearer; `fairness.<attribute>.groups.<group>.mean_absolute_error` the same within a group.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import is_unknown_group
from apps.ml.evaluation.gates.champion import ChampionJudgement, judge_changes
from apps.ml.evaluation.gates.changes import Changes
from apps.ml.evaluation.gates.judging import together
from apps.ml.evaluation.statistics.counting.counts import group_codes
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.numbers.errors import mean_error
from apps.ml.parameters import PAIRED_ERRORS, ModelEvaluation, ModelRegistration

Numbers = npt.NDArray[np.float64]
METHOD = "Student's t interval of the mean paired difference"


@dataclass(frozen=True)
class PairedNumbers:
    """Rows that two models answered, all parts aligned by position.

    `labels`, `new`, `old`: float64 [n], labels and predictions of the candidate and of the champion; `groups`: data
    frame [n, attributes] of group names.
    """

    labels: Numbers
    new: Numbers
    old: Numbers
    groups: pd.DataFrame


def measure_number_changes(rows: PairedNumbers, parameters: ModelEvaluation, confidence: float) -> Changes:
    """Measure every change at one confidence; `parameters.minimum_group_size`: rows that a judged group needs."""
    changes = _differences(rows)
    performance = {name: _mean(change, confidence).to_dict() for name, change in changes.items()}
    fairness = {
        str(name): {"groups": _groups(rows.groups[name], changes, parameters, confidence)}
        for name in rows.groups.columns
    }
    return Changes({"performance": performance, "fairness": fairness}, confidence)


def judge_numbers_against_champion(
    rules: ModelRegistration, parameters: ModelEvaluation, rows: PairedNumbers
) -> ChampionJudgement:
    """Judge what the candidate changes for the rows that both models answered; there is no levelling down to judge.

    Raises
    ------
    ParameterError
        A gate names an attribute or a group that these rows do not have.
    """
    measured = measure_number_changes(rows, parameters, parameters.confidence).metrics
    gates = judge_changes(
        rules.champion_gates,
        measured,
        parameters.confidence,
        lambda confidence: measure_number_changes(rows, parameters, confidence).metrics,
    )
    verdict, reason = together(gates) if gates else ("PASS", "nothing is asked of a candidate")
    return ChampionJudgement(verdict, reason, gates, (), measured)


def _differences(rows: PairedNumbers) -> dict[str, Numbers]:
    new, old = rows.new - rows.labels, rows.old - rows.labels
    found = {
        "mean_absolute_error": np.abs(new) - np.abs(old),
        "mean_squared_error": new**2 - old**2,
        "mean_error": new - old,
    }
    return {name: found[name] for name in PAIRED_ERRORS}


def _groups(
    names: "pd.Series[Any]", changes: dict[str, Numbers], parameters: ModelEvaluation, confidence: float
) -> dict[str, Any]:
    groups, codes = group_codes(names)
    found: dict[str, Any] = {}
    for at, name in enumerate(groups):
        inside = codes == at
        n = int(np.count_nonzero(inside))
        judged = not is_unknown_group(name) and n >= parameters.minimum_group_size
        measured = {metric: _mean(change[inside], confidence).to_dict() for metric, change in changes.items()}
        found[name] = {"n": n, "judged": judged, **measured}
    return found


def _mean(changes: Numbers, confidence: float) -> Measurement:
    found = mean_error(changes, confidence)
    return found if found.value is None else replace(found, method=METHOD)
