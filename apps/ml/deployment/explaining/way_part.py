"""Counterfactuals of single decisions, each decided once more by the scorer that serves."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from apps.ml.deployment.explaining.asked_rows import AskedRows
from apps.ml.deployment.explaining.row_explanation import COUNTERFACTUAL, RowExplanation
from apps.ml.deployment.scorers.scorer import Scorer
from apps.ml.evaluation.explanations.ways.counterfactuals import Counterfactual, CounterfactualFinder
from apps.ml.evaluation.explanations.what_if import typed_values

NONE_FOUND = "no change of at most {most} columns that can be acted on was found; the search is a heuristic"
NOT_CONFIRMED = "the change that was found does not change the decision of the scorer that serves"


@dataclass(frozen=True)
class WayPart:
    """Searches the smallest change that leads to the favourable decision, and confirms it."""

    finder: CounterfactualFinder
    scorer: Scorer

    def fill_in(self, found: Sequence[RowExplanation], rows: AskedRows, chosen: Sequence[int]) -> None:
        """Write the ways of the chosen rows, all decided unfavourably, into their explanations."""
        frame = rows.frame.iloc[list(chosen)]
        for place, (row, way) in enumerate(zip(chosen, self.finder.find(frame), strict=True)):
            if way is None:
                found[row].undefined[COUNTERFACTUAL] = NONE_FOUND.format(most=self.finder.most_changes)
            elif self._is_confirmed(frame.iloc[[place]], way):
                found[row].counterfactual = way
            else:
                found[row].undefined[COUNTERFACTUAL] = NOT_CONFIRMED

    def _is_confirmed(self, row: pd.DataFrame, way: Counterfactual) -> bool:
        changed = row.reset_index(drop=True)
        for change in way.changes:
            changed[change.column] = typed_values(changed, change.column, [change.value])
        decisions = self.scorer.answers(changed).decisions
        return decisions is not None and int(decisions[0]) == favourable_decision(self.finder)


def favourable_decision(finder: CounterfactualFinder) -> int:
    """Return the decision that is good for the person: 1 or 0."""
    return 1 if finder.coded.rule.favourable == "positive" else 0
