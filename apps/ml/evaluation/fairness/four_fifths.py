"""Four fifths of the highest rate: whether a shortfall is statistically significant and whether one person decides it.

The guidelines ask for more than the ratio: differences under four fifths may not count where they rest on small numbers
and are not significant, and where one more or one fewer person would change the finding.

*Significance*: the two-sided p-value of equal favourable rates in the group and the group with the highest rate.
Fisher's exact test where a cell of the 2 × 2 table is expected to hold fewer than five rows, else the pooled z-test;
for weighted rows always the latter, with effective numbers. The highest group was picked after looking, so with several
groups the p-value is too small; simultaneous intervals allow for that.

*One person decides*: some single person of either group, decided the other way, would move the ratio across four
fifths.

References
----------
29 CFR 1607.4(D); Adoption of questions and answers (1979), 44 FR 11996, questions 20 to 24. Cochran (1954), Some
methods for strengthening the common χ² tests, Biometrics 10 (five expected rows).
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from apps.ml.evaluation.fairness.group_metrics import few_groups
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.shares.rates import Favourable, GroupShares, rate_named, shares_of

FOUR_FIFTHS = Fraction(4, 5)
"""29 CFR 1607.4(D)."""

LEAST_EXPECTED = 5
"""Expected rows per cell from which the pooled z-test is used (Cochran 1954)."""

FISHER = "Fisher's exact test"
POOLED_Z = "pooled two-proportion z-test"


def four_fifths_by_group(
    table: CountTable, judged: Sequence[bool], favourable: Favourable
) -> dict[str, dict[str, Any]]:
    """Hold every judged group against four fifths of the highest favourable rate.

    Returns
    -------
    dict[str, dict]
        Per judged group but the one with the highest rate (the first of equal ones): `compared_with`, `below`
        (whether the ratio is under four fifths, decided in whole numbers), `p_value`, `test`, and, where rows are not
        weighted, `one_person_decides`. Empty for fewer than two judged groups and where nobody is decided favourably.
    """
    names = [name for name, is_judged in zip(table.groups, judged, strict=True) if is_judged]
    chosen = table.select(names)
    shares = shares_of(chosen, rate_named("favourable_rate", favourable))
    if few_groups(names) or not shares.successes.any():
        return {}
    top = int(shares.rates.argmax())
    return {
        name: {"compared_with": names[top], **_held(shares, at, top, weighted=table.weights is not None)}
        for at, name in enumerate(names)
        if at != top
    }


def two_proportion_p_value(x: float, n: float, y: float, m: float, exact: bool = True) -> tuple[float, str]:
    """Return the two-sided p-value of x of n and y of m being draws of one share, and the name of the test.

    Parameters
    ----------
    x, n, y, m : successes and rows of two groups, whole numbers where `exact`; n, m > 0
    exact : whether Fisher's exact test is used where a cell is expected to hold fewer than :data:`LEAST_EXPECTED` rows
    """
    from scipy.special import ndtr
    from scipy.stats import fisher_exact

    pooled = (x + y) / (n + m)
    if exact and min(n, m) * min(pooled, 1 - pooled) < LEAST_EXPECTED:
        return float(fisher_exact(np.array([[x, n - x], [y, m - y]], dtype=np.int64)).pvalue), FISHER
    spread = pooled * (1 - pooled) * (1 / n + 1 / m)
    z = abs(x / n - y / m) / np.sqrt(spread) if spread > 0 else 0.0
    return float(2 * ndtr(-z)), POOLED_Z


def one_person_decides(x: int, n: int, y: int, m: int) -> bool:
    """Tell whether one person decided the other way moves (x / n) / (y / m) across four fifths; y > 0.

    The persons are those of the group, x of n decided favourably, and of the group with the highest rate, y of m. If
    that one's only favourable decision is taken away, there is no shortfall.
    """
    below = is_below(x, n, y, m)
    moved = [(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]
    return any(0 <= a <= n and 0 <= b <= m and is_below(a, n, b, m) != below for a, b in moved)


def is_below(x: int, n: int, y: int, m: int) -> bool:
    """Tell whether x / n is under four fifths of y / m, in whole numbers."""
    return x * m * FOUR_FIFTHS.denominator < y * n * FOUR_FIFTHS.numerator


def _held(shares: GroupShares, at: int, top: int, weighted: bool) -> dict[str, Any]:
    x, y, n, m = (float(part[where]) for part in shares for where in (at, top))
    p_value, test = two_proportion_p_value(x, n, y, m, exact=not weighted)
    if weighted:
        return {"below": bool(x / n < float(FOUR_FIFTHS) * y / m), "p_value": p_value, "test": test}
    whole = int(x), int(n), int(y), int(m)
    return {
        "below": is_below(*whole),
        "p_value": p_value,
        "test": test,
        "one_person_decides": one_person_decides(*whole),
    }
