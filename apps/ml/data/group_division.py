"""Division by group: no group in two parts, shares and label balance as close as the groups allow."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Group:
    """Rows of one group: positions, how many, and how many of them are positive."""

    positions: Positions
    rows: int
    positive: int


@dataclass
class _Wants:
    """Rows without and with the positive event that one side of a division still wants; below 0 it holds too many."""

    negative: float
    positive: float

    @property
    def rows(self) -> float:
        return self.negative + self.positive

    def take(self, group: _Group) -> None:
        self.negative -= group.rows - group.positive
        self.positive -= group.positive

    def imbalance_added_by(self, group: _Group) -> float:
        """Return the change of the sum of squared wants if this side took the group."""
        negative = group.rows - group.positive
        return negative * (negative - 2 * self.negative) + group.positive * (group.positive - 2 * self.positive)


def divided_by_group(
    keys: pd.Series, labels: npt.NDArray[np.int8], test_rows: int, validation_rows: int, draws: np.random.Generator
) -> dict[str, Positions]:
    """Divide whole groups: first test against the rest, then validation against train.

    Within each step the largest groups are placed first, each into a side that still wants rows and where it leaves the
    label most balanced; a side is therefore never overfilled by more than the group that filled it.
    """
    groups = _shuffled_groups(keys, labels, draws)
    test, rest = _two_sides(groups, test_rows)
    validation, train = _two_sides(rest, validation_rows)
    return {"train": _joined(train), "validation": _joined(validation), "test": _joined(test)}


def _shuffled_groups(keys: pd.Series, labels: npt.NDArray[np.int8], draws: np.random.Generator) -> list[_Group]:
    """Order groups by size, largest first; equal sizes in an order drawn over the sorted names."""
    codes, names = pd.factorize(keys, sort=True)
    by_group = np.argsort(codes, kind="stable").astype(np.int64)
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))[:-1]
    positive = np.bincount(codes, weights=labels, minlength=len(names)).astype(np.int64).tolist()
    groups = [
        _Group(positions, len(positions), positive[number]) for number, positions in enumerate(np.split(by_group, ends))
    ]
    return sorted((groups[number] for number in draws.permutation(len(groups)).tolist()), key=lambda group: -group.rows)


def _two_sides(groups: list[_Group], wanted_rows: int) -> tuple[list[_Group], list[_Group]]:
    rows = sum(group.rows for group in groups)
    positive = sum(group.positive for group in groups)
    share = wanted_rows / max(rows, 1)
    wants = (
        _Wants(share * (rows - positive), share * positive),
        _Wants((1.0 - share) * (rows - positive), (1.0 - share) * positive),
    )
    sides: tuple[list[_Group], list[_Group]] = ([], [])
    for group in groups:
        chosen = _chosen_side(wants, group)
        sides[chosen].append(group)
        wants[chosen].take(group)
    return sides


def _chosen_side(wants: tuple[_Wants, _Wants], group: _Group) -> int:
    if wants[0].rows <= 0 or wants[1].rows <= 0:
        return 0 if wants[1].rows <= 0 else 1
    return 0 if wants[0].imbalance_added_by(group) < wants[1].imbalance_added_by(group) else 1


def _joined(groups: list[_Group]) -> Positions:
    return np.concatenate([group.positions for group in groups]) if groups else np.array([], dtype=np.int64)
