"""Counterfactual flip rate: does the decision change when only the sensitive value does?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import AttributeSchema, is_unknown_group
from apps.ml.evaluation.explanations.coded_rows import CodedRule, coded_rule, columns_telling
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.reasons_given.score_gains import is_numeric, typical_values
from apps.ml.evaluation.explanations.scored_model import FloatArray, sample_rows
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.rates import share

MOST_ROWS = 2000
"""Rows that are asked about per attribute; a sample of them where there are more."""

FLIPPED_ROWS = 25
"""Stream of randomness that draws these rows."""

BY_CONSTRUCTION = (
    "0 by construction: no column of the attribute is an input; says nothing of columns that stand in for it"
)


SWAPPED = "rows whose decision changes with the typical values of at least one other group"


def flip_rates(
    rule: DecisionRule,
    frame: pd.DataFrame,
    groups: pd.DataFrame,
    attributes: Sequence[AttributeSchema],
    confidence: float,
    seed: int,
) -> dict[str, Measurement]:
    """Measure per attribute the share of rows whose decision changes when their group is swapped for some other one.

    The columns of the attribute that are inputs of the rule, the group itself among them where decisions need it, get
    what is typical of the other group (the most frequent category, the median), all other columns stay; a row counts if
    at least one other group changes its decision. Rows of an unknown group are left out. It is a direct effect: what
    the group brings about in other columns stays.

    Parameters
    ----------
    rule : DecisionRule
    frame : typed data frame [n, columns]
    groups : data frame [n, attributes] of group names, aligned with `frame`
    attributes : AttributeSchema of each attribute to measure; each is a column of `groups`
    confidence : float in (0, 1)
    seed : int

    Returns
    -------
    dict of Measurement
        0 without any row counted and exactly known (`lower` = `upper` = 0) where no column of the attribute is an
        input: then no decision can change, and `method` says that this holds by construction. Else a share with a
        Wilson interval; undefined where fewer than two groups are known.

    References
    ----------
    Kusner, Loftus, Russell, Silva (2017), Counterfactual fairness, NeurIPS, section 3, as far as it holds without a
    causal model; the share of flipped decisions is in use as "flip rate" or "flip test".
    """
    coded = coded_rule(rule, [frame])
    codes = coded.codes(frame)
    return {
        attribute.name: _flip_rate(
            coded, codes, groups[attribute.name], columns_telling(attribute, attributes), confidence, seed
        )
        for attribute in attributes
    }


def _flip_rate(
    coded: CodedRule,
    codes: FloatArray,
    names: "pd.Series[str]",
    telling: frozenset[str],
    confidence: float,
    seed: int,
) -> Measurement:
    inputs = [position for position, column in enumerate(coded.columns) if column.name in telling]
    if not inputs:
        n = len(codes)
        return Measurement(0.0, n, 0.0, 0.0, confidence, BY_CONSTRUCTION, numerator=0, denominator=n)
    known = np.array([name for name in sorted(names.unique()) if not is_unknown_group(name)], dtype=object)
    if len(known) < 2:
        return undefined("fewer than two groups are known", n=len(codes))
    group = names.to_numpy(dtype=object)
    typical = [typical_values(codes[group == name], is_numeric(coded))[inputs] for name in known]
    where = np.flatnonzero(np.isin(group, known))
    where = where[sample_rows(len(where), MOST_ROWS, seed, FLIPPED_ROWS)]
    flipped = _flipped(coded, codes[where], group[where], inputs, dict(zip(known, typical, strict=True)))
    measured = share(int(flipped.sum()), len(where), confidence, "no row has a known group")
    return replace(measured, method=f"{measured.method}; {SWAPPED}")


def _flipped(
    coded: CodedRule,
    codes: FloatArray,
    group: npt.NDArray[np.object_],
    inputs: list[int],
    typical: dict[str, FloatArray],
) -> npt.NDArray[np.bool_]:
    """Return [n], whether some other group's typical values change the decision."""
    before = coded.favourable(coded.scores(codes))
    flipped = np.zeros(len(codes), dtype=np.bool_)
    for name, values in typical.items():
        others = np.flatnonzero(group != name)
        swapped = codes[others]
        swapped[:, inputs] = values
        flipped[others] |= coded.favourable(coded.scores(swapped)) != before[others]
    return flipped
