"""The explainer of a served version: asked for every answer, prepared once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.deployment.explaining.asked_rows import AskedRows, Encoding, values_of
from apps.ml.deployment.explaining.contribution_part import ContributionPart, Patterns, fill_in_contributions
from apps.ml.deployment.explaining.leaf_patterns import LeafPatterns
from apps.ml.deployment.explaining.reason_part import ReasonPart
from apps.ml.deployment.explaining.row_explanation import (
    CONTRIBUTIONS,
    COUNTERFACTUAL,
    REASONS,
    RowExplanation,
    Wanted,
)
from apps.ml.deployment.explaining.way_part import WayPart
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.models.bundle import Answers, ModelBundle

FAVOURABLE = "the decision is favourable"


@dataclass(frozen=True)
class Explainer:
    """Explains the answers of one version; immutable and safe to share between threads.

    A part is its own reason (a text) where the version has none. `patterns`: of the leaves of the version's trees,
    where parts use tables of them. `most_rows`, `most_ways`: rows of one call that may be explained, and that may be
    searched for ways. `row_seconds`: what explaining one unfavourable row of values took here, without a way.
    """

    bundle: ModelBundle
    encoding: Encoding
    patterns: LeafPatterns | None
    contributions: ContributionPart | str
    reasons: ReasonPart | str
    ways: WayPart | str
    most_rows: int = 1
    row_seconds: float = math.inf
    most_ways: int = 1

    def explain_frame(self, frame: pd.DataFrame, answers: Answers, what: Wanted) -> list[RowExplanation]:
        """Explain the answers to the rows of a typed frame.

        Parameters
        ----------
        frame : typed data frame [n, columns], as `features.request_frame` makes it
        answers : Answers
            What the version's scorer answered to the same rows.
        what : Wanted
        """
        return self._explained(AskedRows(self.encoding, values_of(frame, self.encoding.columns), frame), answers, what)

    def explain_rows(self, rows: Sequence[Sequence[Value]], answers: Answers, what: Wanted) -> list[RowExplanation]:
        """Explain the answers to rows of values that fit the columns, as :meth:`explain_frame`."""
        return self._explained(AskedRows(self.encoding, rows), answers, what)

    def _explained(self, rows: AskedRows, answers: Answers, what: Wanted) -> list[RowExplanation]:
        found = [RowExplanation() for _ in range(len(rows))]
        if not found:
            return found
        patterns = self._patterns(rows)
        if what.contributions:
            self._contribute(found, rows, patterns, answers.scores)
        if what.reasons:
            chosen = self._unfavourable(found, answers.decisions, REASONS, self.reasons)
            if chosen and not isinstance(self.reasons, str):
                self.reasons.fill_in(found, rows, patterns, chosen)
        if what.counterfactual:
            chosen = self._unfavourable(found, answers.decisions, COUNTERFACTUAL, self.ways)
            if chosen and not isinstance(self.ways, str):
                self.ways.fill_in(found, rows, chosen)
        return found

    def _patterns(self, rows: AskedRows) -> Patterns:
        """Return per row its patterns of the leaves; nothing where there are no tables."""
        if self.patterns is None:
            return ()
        return [self.patterns.of_row(x) for x in self.bundle.estimator_features(rows.X)]

    def _contribute(
        self, found: Sequence[RowExplanation], rows: AskedRows, patterns: Patterns, scores: npt.NDArray[np.float64]
    ) -> None:
        if isinstance(self.contributions, str):
            for row in found:
                row.undefined[CONTRIBUTIONS] = self.contributions
            return
        for row, one in zip(found, self.contributions.contributions(rows.X, patterns, scores), strict=True):
            fill_in_contributions(row, one)

    def _unfavourable(
        self,
        found: Sequence[RowExplanation],
        decisions: npt.NDArray[np.int8] | None,
        part: str,
        asked: ReasonPart | WayPart | str,
    ) -> list[int]:
        """Return the rows of which the part can speak, and write into the others why it does not."""
        if decisions is None or isinstance(asked, str):
            for row in found:
                row.undefined[part] = str(asked)
            return []
        good = 1 if self.bundle.info.favourable == "positive" else 0
        chosen = []
        for place, decision in enumerate(decisions.tolist()):
            if decision == good:
                found[place].undefined[part] = FAVOURABLE
            else:
                chosen.append(place)
        return chosen
