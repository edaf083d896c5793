"""Ways to the favourable decision for sampled rows, and what they cost each group: one dictionary without any value."""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import is_unknown_group
from apps.ml.evaluation.explanations.decision_rows import DecisionRows
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.scored_model import FloatArray, sample_rows
from apps.ml.evaluation.explanations.ways.counterfactuals import (
    Counterfactual,
    CounterfactualFinder,
    counterfactual_finder,
)
from apps.ml.evaluation.explanations.ways.recourse import rank_difference, recourse_of_group
from apps.ml.evaluation.statistics.shares.rates import share
from apps.ml.parameters import ModelEvaluation

Positions = npt.NDArray[np.intp]
Ways = dict[int, Counterfactual | None]

EXAMPLES = 28
"""Stream of randomness that draws the rows whose ways are shown; the groups of an attribute follow in their order."""

METHOD = "beam search over reference quantiles and categories, refined by bisection; every way was decided once more"
UNIT = "robust deviations (1.4826 × median absolute deviation); 1 for a truth value or a category"
LIMITS = (
    "Columns are changed one by one; what follows from a change in other columns is not known.",
    "A way says what the rule would decide, and does not promise that the outcome changes.",
    "The search is a heuristic: a cheaper way may exist, and where none was found one may.",
)
"""Known limits of the method, in words."""


def report_counterfactuals(
    rule: DecisionRule, rows: DecisionRows, drawn: Positions, unfavourable: Positions, parameters: ModelEvaluation
) -> dict[str, Any]:
    """Search ways for sampled rows, and for a sample of every judged group.

    Parameters
    ----------
    rule : DecisionRule
    rows : DecisionRows
    drawn : intp [n]
        Positions of unfavourably decided rows, from which the shown rows are drawn.
    unfavourable : intp [m]
        Positions of all unfavourably decided rows. A group is judged if it is not unknown and
        `parameters.minimum_group_size` of them belong to it; from each judged group as many rows are drawn as are
        shown, and not fewer than the minimum.
    parameters : ModelEvaluation

    Returns
    -------
    dict
        `method`, `unit`, `limits`, `most_changes`, `actionable_columns`, `reference_rows`, `rows` shown,
        `none_found`, `examples` (a list of `row`, `found` and, where found, `cost` and `changes`) and `by_group`:
        attribute → `sample`, `groups` (name → `n`, `median_cost`, `none_found`), `not_judged` and `difference`. No
        value of a person is in it. Only `undefined` with the reason where nothing is asked for or no row is decided
        unfavourably.
    """
    settings = parameters.explanations
    if not settings.counterfactual_rows:
        return {"undefined": "no counterfactual was asked for"}
    if not len(unfavourable):
        return {"undefined": "no row is decided unfavourably"}
    finder = counterfactual_finder(rule, rows.reference, rows.attributes, settings.counterfactual_changes)
    shown = drawn[sample_rows(len(drawn), settings.counterfactual_rows, parameters.seed, EXAMPLES)]
    samples = {str(name): _group_samples(rows, str(name), unfavourable, parameters) for name in rows.groups.columns}
    ways = _ways(finder, rows, [shown, *(one for groups in samples.values() for one in groups.values())])
    none = sum(ways[int(position)] is None for position in shown)
    return {
        "method": METHOD,
        "unit": UNIT,
        "limits": list(LIMITS),
        "most_changes": settings.counterfactual_changes,
        "actionable_columns": list(finder.actionable),
        "reference_rows": len(rows.reference),
        "rows": len(shown),
        "none_found": share(none, len(shown), parameters.confidence, "no row was sampled").to_dict(),
        "examples": [_example(int(rows.rows[position]), ways[int(position)]) for position in shown],
        "by_group": {name: _by_group(rows, name, groups, ways, parameters) for name, groups in samples.items()},
    }


def _group_samples(
    rows: DecisionRows, attribute: str, unfavourable: Positions, parameters: ModelEvaluation
) -> dict[str, Positions]:
    """Draw rows of every judged group of one attribute."""
    names = rows.groups[attribute].to_numpy(dtype=object)[unfavourable]
    samples: dict[str, Positions] = {}
    for stream, name in enumerate(sorted(set(names)), start=EXAMPLES + 1):
        members = unfavourable[names == name]
        if len(members) >= parameters.minimum_group_size and not is_unknown_group(name):
            samples[str(name)] = members[sample_rows(len(members), _wanted(parameters), parameters.seed, stream)]
    return samples


def _wanted(parameters: ModelEvaluation) -> int:
    """Rows of each judged group."""
    return max(parameters.explanations.counterfactual_rows, parameters.minimum_group_size)


def _ways(finder: CounterfactualFinder, rows: DecisionRows, samples: list[Positions]) -> Ways:
    """Search once for every row of any sample."""
    positions = np.unique(np.concatenate(samples))
    found = finder.find(rows.frame.iloc[positions])
    return dict(zip(positions.tolist(), found, strict=True))


def _example(row: int, way: Counterfactual | None) -> dict[str, Any]:
    return {"row": row, "found": way is not None} | (way.to_dict() if way is not None else {})


def _by_group(
    rows: DecisionRows, attribute: str, groups: dict[str, Positions], ways: Ways, parameters: ModelEvaluation
) -> dict[str, Any]:
    costs = {name: _costs(positions, ways) for name, positions in groups.items()}
    every = sorted(str(name) for name in rows.groups[attribute].unique())
    member = np.repeat(np.arange(len(costs)), [len(one) for one in costs.values()])
    together = np.concatenate([*costs.values(), np.empty(0)])
    return {
        "sample": (
            f"up to {_wanted(parameters)} unfavourably decided rows of each judged group, {len(together)} in all"
        ),
        "groups": {name: recourse_of_group(one, parameters.confidence) for name, one in costs.items()},
        "not_judged": [name for name in every if name not in costs],
        "difference": rank_difference(together, member, parameters.bootstrap_replicates, parameters.seed),
    }


def _costs(positions: Positions, ways: Ways) -> FloatArray:
    found = [ways[int(position)] for position in positions]
    return np.array([np.inf if way is None else way.cost for way in found], dtype=np.float64)
