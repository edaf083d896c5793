"""Which categories of a column are told apart, and which are pooled because too few training rows hold them."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.features.choices import CategoricalChoice
from apps.ml.features.column_values import Categories

Codes = npt.NDArray[np.intp]
UNSEEN = -1
"""Code of a category that no training row holds, where there is no pool to put it into."""


@dataclass(frozen=True)
class CategoryPool:
    """Codes for the values of one categorical column.

    `kept` categories have the codes 0, 1, … in their order. If `has_rare`, the next code is the pool of rare
    categories, which also takes those never seen. If `has_missing`, the last code is that of a missing value;
    otherwise a missing value is treated as `most_frequent`, or as never seen where that is None.
    """

    kept: tuple[str, ...]
    has_rare: bool
    has_missing: bool
    most_frequent: str | None

    @property
    def size(self) -> int:
        """Number of codes from 0 on."""
        return len(self.kept) + self.has_rare + self.has_missing

    def names(self, column: str) -> list[str]:
        """One readable name per code."""
        rare = [f"{column}=(rare)"] if self.has_rare else []
        missing = [f"{column} is missing"] if self.has_missing else []
        return [*(f"{column}={category}" for category in self.kept), *rare, *missing]

    def codes(self, values: Categories) -> Codes:
        """Return the [n] codes of [n] values; :data:`UNSEEN` where there is no code."""
        lookup: dict[str | None, int] = {category: code for code, category in enumerate(self.kept)}
        other = len(self.kept) if self.has_rare else UNSEEN
        lookup[None] = self._code_of_missing(lookup, other)
        return np.array([lookup.get(value, other) for value in values], dtype=np.intp)

    def _code_of_missing(self, lookup: dict[str | None, int], other: int) -> int:
        return self.size - 1 if self.has_missing else lookup.get(self.most_frequent, other)


def fit_pool(choice: CategoricalChoice, values: Categories) -> CategoryPool:
    """Learn the codes from [n] training values, None where missing.

    A category is rare if its share of all training rows, after filling, is below `choice.rare_below`. The missing
    value is never pooled. Equal counts of the most frequent category are settled by the alphabet.
    """
    counts = Counter(value for value in values if value is not None)
    missing = len(values) - counts.total()
    most_frequent = min(counts, key=lambda category: (-counts[category], category)) if counts else None
    own_value = choice.imputation == "category"
    if most_frequent is not None and not own_value:
        counts[most_frequent] += missing
    common = [category for category in counts if counts[category] >= choice.rare_below * len(values)]
    return CategoryPool(
        kept=tuple(sorted(common, key=lambda category: _rank(category, choice.categories))),
        has_rare=len(common) < len(counts),
        has_missing=own_value and missing > 0,
        most_frequent=None if own_value else most_frequent,
    )


def _rank(category: str, declared: tuple[str, ...]) -> tuple[int, str]:
    """Declared categories come in their declared order, others after them by the alphabet."""
    return (declared.index(category) if category in declared else len(declared), category)
