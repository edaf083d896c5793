"""A reason finder for one row, whose scores near that row are known already."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from apps.ml.evaluation.explanations.coded_rows import CodedRule, same_values
from apps.ml.evaluation.explanations.reasons_given.reasons import ReasonFinder
from apps.ml.evaluation.explanations.scored_model import FloatArray


@dataclass(frozen=True)
class NearbyRule(CodedRule):
    """The deployed rule near one coded row: its scores are looked up and not computed again.

    `row`: float64 [1, columns]. `own`: float64 [1], the row's score. `replaced`: float64 [m], the scores of the row
    with one column replaced, for exactly those reference values that differ from its own, column by column.
    """

    row: FloatArray
    own: FloatArray
    replaced: FloatArray

    def scores(self, codes: FloatArray) -> FloatArray:
        """Return the scores of the row itself, or of all its replaced forms in their order; nothing else is known."""
        is_own = codes is self.row or (len(codes) == 1 and bool(same_values(codes, self.row).all()))
        return self.own if is_own else self.replaced


@dataclass(frozen=True)
class NearbyFinder:
    """A finder whose reference values are laid out once: `values` [states] and `column` [states]."""

    finder: ReasonFinder
    values: FloatArray
    column: npt.NDArray[np.intp]

    def of_row(self, row: FloatArray, own: float, outputs: FloatArray) -> ReasonFinder:
        """Return the finder for one coded row [1, columns] alone.

        Parameters
        ----------
        own : float
            The row's log-odds.
        outputs : float64 [states]
            Log-odds with each reference value in place of the row's own.
        """
        replaced = outputs[~same_values(row[0].take(self.column), self.values)]
        scores = 1.0 / (1.0 + np.exp(-np.append(replaced, own)))
        known = self.finder.coded
        return replace(self.finder, coded=NearbyRule(known.rule, known.categories, row, scores[-1:], scores[:-1]))


def nearby_finder(finder: ReasonFinder) -> NearbyFinder:
    """Lay out the reference values of a finder."""
    sizes = [len(values) for values in finder.reference.values]
    return NearbyFinder(finder, np.concatenate(finder.reference.values), np.repeat(np.arange(len(sizes)), sizes))
