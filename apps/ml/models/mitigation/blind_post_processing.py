"""Blind post-processing: scores moved so that groups are treated alike, by what features tell of the group.

Two models stand behind a decision: the configured one, and one of the group given features and label. The rule between
them is found on rows that neither had seen (:mod:`apps.ml.models.mitigation.blind_rule`), and is exactly as strict as
labels say. Decisions do not ask for anybody's group, but they do use what stands in for it.

How far the models of the group are trusted is settled without test rows. A rule is kept if it holds when siblings of
its models decide, those of the folds: if validation rows' rates, as modelled, then move by no more than half of the
tolerance, or by no more than they do without any rule.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from apps.ml.errors import DataError
from apps.ml.models.mitigation.aims import aims_of
from apps.ml.models.mitigation.blind_rule import BlindRule, CalibrationRows, fitted_rule
from apps.ml.models.mitigation.cross_fitting import VALIDATION, CrossFit, HeldOut, cross_fit
from apps.ml.models.mitigation.facts import facts_of
from apps.ml.models.mitigation.group_thresholds import common_threshold
from apps.ml.models.mitigation.held_out_facts import held_out_facts
from apps.ml.models.mitigation.membership import Members, cross_fit_membership, fitted_members
from apps.ml.models.mitigation.request import Codes, Mitigated, MitigationRequest, Numbers
from apps.ml.models.parts.blind_adjustment import BlindAdjustment, capped, moved_scores, rate_terms
from apps.ml.parameters.mitigation import BlindPostProcessingOptions

DOUBTS = (0.0, 0.05, 0.1, 0.15, 0.2)
"""What is tried, in this order."""

DOUBT_WITHOUT_FOLDS = 0.1
STEADY = 0.5
"""Part of the tolerance by which rates may move when siblings of the models decide."""


def blind_post_processed(request: MitigationRequest) -> Mitigated:
    """Fit the estimator as it is and a model of the group, then the rule on rows that their models had not seen.

    People of unknown group belong to no comparison and are decided by the same rule as anybody.

    Raises
    ------
    DataError
        A group has too few rows of a label for the tolerance, or no rule keeps to it.
    """
    options: BlindPostProcessingOptions = request.options
    fitted = request.fit(request.train, request.validation)
    crossed = cross_fit(request, fitted, options.folds)
    common = common_threshold(request, crossed.validation)
    known = _known(crossed)
    aims = aims_of(request, known.rows.labels, known.rows.codes)
    search = _Search(request, known, common)
    choice = search.best_doubt(aims)
    parts = (choice.doubt, search.shares, choice.rule.multipliers, search.members)
    adjustment = BlindAdjustment(request.parameters.constraint, common, *parts)
    decisions = search.calibration_rows(choice.doubt).decisions(choice.rule.multipliers) == 1
    found: dict[str, Any] = {
        "fits": 1 + options.folds,
        "common_threshold": common,
        "chosen_on": "held_out",
        "aims": list(aims),
        "doubt": choice.doubt,
        "movement_with_siblings": choice.movement,
        "movement_without_rule": choice.movement_before,
        "compared_groups": [request.group.groups[code] for code in search.present],
        "multipliers": choice.rule.multipliers.tolist(),
        "held_out": held_out_facts(request, known.rows, known.rows.scores >= common, decisions),
        **facts_of(request, fitted.estimator, adjustment, common),
    }
    return Mitigated(fitted.estimator, fitted.rounds, fitted.converged, adjustment, common, found)


@dataclass(frozen=True)
class _Choice:
    """`movement`: how far rates as modelled move when siblings decide; None where there are none.

    `movement_before`: the same without a rule.
    """

    doubt: float
    rule: BlindRule
    movement: float | None = None
    movement_before: float | None = None

    def holds(self, tolerance: float) -> bool:
        """Tell whether the rule is as good as steady; without siblings nothing speaks against it."""
        if self.movement is None or self.movement_before is None:
            return True
        return self.movement <= max(STEADY * tolerance, self.movement_before)


class _Search:
    """Rules over the rows whose group is known; groups are numbered from 0 in the order of `present`, their codes."""

    def __init__(self, request: MitigationRequest, known: CrossFit, common: float) -> None:
        self._request, self._common = request, common
        rows = known.rows
        self.present = np.unique(rows.codes)
        groups, seed = len(self.present), request.seed
        learning, training, validation = (
            replace(part, codes=np.searchsorted(self.present, part.codes))
            for part in (_learning_rows(request, self.present), known.training, known.validation)
        )
        self.members: Members = fitted_members(learning, validation, groups, seed)
        self._membership = cross_fit_membership(training, validation, self.members, groups, seed)
        self._known, self._codes = known, np.searchsorted(self.present, rows.codes)
        self._prices = rows.weights[rows.labels] / float(np.mean(rows.weights[rows.labels]))
        cells = np.bincount(groups * rows.labels + self._codes, weights=self._prices, minlength=2 * groups)
        self.shares: Numbers = cells.reshape(2, groups) / len(rows)

    def calibration_rows(self, doubt: float) -> CalibrationRows:
        """Return the rows that rules are fitted to, no group taken to be more probable than 1 - `doubt`."""
        rows, constraint = self._known.rows, self._request.parameters.constraint
        terms = self._terms(rows.scores, self._membership.rows, doubt)
        units = {
            "equalized_odds": self.shares[::-1],
            "equal_opportunity": self.shares[1:],
            "demographic_parity": self.shares.sum(axis=0, keepdims=True),
        }[constraint]
        return CalibrationRows(
            constraint, self._common, rows.scores, rows.labels, self._codes, terms, units, self._prices
        )

    def best_doubt(self, aims: tuple[float, ...]) -> _Choice:
        """Return the first doubt whose rule keeps to the tolerance and holds when siblings of the models decide.

        Where none holds that well, the one whose rates move least.

        Raises
        ------
        DataError
            No rule keeps to the tolerance.
        """
        tolerance, kept = self._request.parameters.tolerance, []
        for doubt in DOUBTS if len(self._known.siblings) else (DOUBT_WITHOUT_FOLDS,):
            rows = self.calibration_rows(doubt)
            rule = fitted_rule(rows, aims)
            if not self._within_tolerance(rows, rule):
                continue
            kept.append(_Choice(doubt, rule, *self._movements(rule, doubt)))
            if kept[-1].holds(tolerance):
                return kept[-1]
        if not kept:
            raise DataError(
                "model_training.mitigation.method blind_post_processing: no rule without the groups of "
                f"'{self._request.group.attribute}' keeps to the tolerance {tolerance:g} on the "
                f"{len(self._known.rows)} rows that it is calibrated on. Raise model_training.mitigation.tolerance, or "
                "choose another method."
            )
        return min(kept, key=lambda choice: choice.movement or 0.0)

    def _within_tolerance(self, rows: CalibrationRows, rule: BlindRule) -> bool:
        counted = rows.counted(rows.decisions(rule.multipliers))
        return bool(np.ptp(counted, axis=1).max() <= self._request.parameters.tolerance)

    def _movements(self, rule: BlindRule, doubt: float) -> tuple[float, ...]:
        """Return the largest changes of a modelled difference of rates when siblings decide: with the rule, without."""
        validation, siblings = self._known.validation, self._known.siblings
        if not len(siblings):
            return ()
        terms = self._terms(validation.scores, self._membership.validation, doubt)
        moved = [
            moved_scores(scores, self._terms(scores, membership, doubt), rule.multipliers)
            for scores, membership in zip(siblings, self._membership.siblings, strict=True)
        ]
        pairs = ((moved_scores(validation.scores, terms, rule.multipliers), moved), (validation.scores, siblings))
        found = []
        for own, theirs in pairs:
            change = (own >= self._common) - np.mean(np.asarray(theirs) >= self._common, axis=0)
            found.append(float(np.ptp(np.mean(terms * change[None, :, None], axis=1), axis=1).max()))
        return tuple(found)

    def _terms(self, scores: Numbers, membership: Numbers, doubt: float) -> Numbers:
        return rate_terms(
            self._request.parameters.constraint, scores, capped(membership, self.shares, doubt), self.shares
        )


def _known(crossed: CrossFit) -> CrossFit:
    chosen = crossed.validation.codes >= 0
    training = crossed.training.only(crossed.training.codes >= 0)
    return CrossFit(training, crossed.validation.only(chosen), crossed.siblings[:, chosen])


def _learning_rows(request: MitigationRequest, present: Codes) -> HeldOut:
    """Training rows of the compared groups; their scores are not looked at."""
    rows, codes = request.train, request.train_codes
    labels = np.asarray(rows.labels).astype(np.int8)
    outside = np.full(len(rows), VALIDATION)
    whole = HeldOut(rows.X, labels, codes, np.zeros(len(rows)), outside, np.ones(2))
    return whole.only(np.isin(codes, present))
