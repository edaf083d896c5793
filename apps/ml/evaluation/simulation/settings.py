"""The settings of the study: known rates and rows of several groups."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

GAP = 0.15
"""True gap of the settings away from parity."""

GAP_LIMIT, RATIO_LIMIT = 0.10, 0.8
"""Limits of the gates: a gap of at most, and a ratio of at least (the four-fifths rule, 29 CFR 1607.4(D))."""

PARITY, ONE_APART, TWO_CLUSTERS, LADDER, ONE_SMALL = "parity", "one apart", "two clusters", "ladder", "one small"
"""Shapes of the truth; in the last, all groups are alike and one has a tenth of the rows."""

GROUPS = (2, 5, 20)
ROWS = (50, 200, 1000, 5000)
BASE_RATES = (0.02, 0.1, 0.3, 0.5)


@dataclass(frozen=True)
class Setting:
    """True `rates` and `rows` of the groups, and the `shape` in words."""

    shape: str
    rates: tuple[float, ...]
    rows: tuple[int, ...]

    @property
    def groups(self) -> int:
        """Number of groups."""
        return len(self.rates)

    @property
    def base_rate(self) -> float:
        """Smallest true rate."""
        return min(self.rates)

    @property
    def gap(self) -> float:
        """True largest gap; exactly 0 at parity."""
        return max(self.rates) - min(self.rates)

    @property
    def ratio(self) -> float:
        """True worst ratio; exactly 1 at parity."""
        return min(self.rates) / max(self.rates)


def setting(shape: str, groups: int, rows: int, base_rate: float) -> Setting:
    """Return the setting of that shape; `rows` are those of every group, but for a tenth of it in the small one."""
    far = round(base_rate + GAP, 9)
    if shape == ONE_APART:
        rates = [base_rate] * (groups - 1) + [far]
    elif shape == TWO_CLUSTERS:
        rates = [base_rate] * (groups // 2) + [far] * (groups - groups // 2)
    elif shape == LADDER:
        rates = [base_rate + GAP * step / (groups - 1) for step in range(groups)]
    else:
        rates = [base_rate] * groups
    small = rows // 10 if shape == ONE_SMALL else rows
    return Setting(shape, tuple(rates), (small, *[rows] * (groups - 1)))


def full_settings() -> tuple[Setting, ...]:
    """Return every setting of the full table."""
    return tuple(_full())


def quick_settings() -> tuple[Setting, ...]:
    """Return a few settings that take seconds: parity and a gap, of small and of middling groups."""
    grid = product((PARITY, ONE_APART), (2, 5), (50, 1000), (0.3,))
    return tuple(setting(shape, groups, rows, rate) for shape, groups, rows, rate in grid)


def _full() -> Iterator[Setting]:
    for shape, groups, rate, rows in product((PARITY, ONE_APART), GROUPS, BASE_RATES, ROWS):
        yield setting(shape, groups, rows, rate)
    for shape, groups, rows in product((TWO_CLUSTERS, LADDER), (5, 20), ROWS):
        yield setting(shape, groups, rows, 0.3)
    for groups, rows, rate in product((2, 5, 20), (1000, 5000), (0.1, 0.3)):
        yield setting(ONE_SMALL, groups, rows, rate)
