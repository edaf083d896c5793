"""Everything that is judged about one model by itself, from its metric files and its record."""

from collections.abc import Mapping
from typing import Any

from apps.ml.data.processed import REGRESSION
from apps.ml.evaluation.gates.guards import judge_guards
from apps.ml.evaluation.gates.judging import judge
from apps.ml.evaluation.gates.number_guards import NO_LEVELLING_DOWN, judge_number_guards
from apps.ml.evaluation.gates.policy import judge_policy
from apps.ml.evaluation.gates.summary import LEVELLING_DOWN, Judgement
from apps.ml.evaluation.gates.tasks import gates_for, with_what_is_wanting
from apps.ml.evaluation.record.layout import task_of
from apps.ml.parameters import ModelRegistration


def judge_model(
    rules: ModelRegistration, metrics: Mapping[str, Mapping[str, Any]], record: Mapping[str, Any], confidence: float
) -> Judgement:
    """Judge gates, guards and policy; those that speak of the other kind of model are not asked and named.

    Parameters
    ----------
    rules : ModelRegistration
    metrics : mapping
        Section → content of that metric file.
    record : mapping
        The evidence record that was written with them.
    confidence : float in (0, 1), of the intervals of guards that are measured from counts

    Raises
    ------
    ParameterError
        A gate's path leads nowhere.
    BadInputError
        The counts tell of other rows than the metrics.
    """
    task, favourable = task_of(record), record["decision"]["favourable"]
    asked = gates_for(task, rules.gates)
    report = with_what_is_wanting(judge(asked.gates, metrics, record["counts"], favourable), asked, task)
    policy = judge_policy(rules.policy, record["policy"])
    if task != REGRESSION:
        guards = judge_guards(rules.guards, record["counts"], metrics["fairness"], favourable, confidence)
        return Judgement(report, guards, policy, asked.not_applicable)
    guards = judge_number_guards(rules.guards, metrics["performance"], metrics["fairness"])
    off = {LEVELLING_DOWN: NO_LEVELLING_DOWN} if rules.guards.levelling_down.enabled else {}
    return Judgement(report, guards, policy, {**asked.not_applicable, **off})
