"""One sensitive column, or one whose values decisions are compared within, while it is read: values become groups."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import JOINED_BY, UNKNOWN_GROUP
from apps.ml.data.sensitive import band_names
from apps.ml.errors import DataError, Finding
from apps.ml.evaluation.audit.chunks import TextColumn
from apps.ml.evaluation.statistics.counting.joint_counts import MOST_GROUPS


@dataclass
class GroupColumn:
    """Reads one column chunk by chunk.

    `bands`: ascending lower bounds, or None where each value is a group. `whole`: whether all numbers so far are
    whole. `not_numbers`: rows whose value belongs to no band because it is no number; such rows are `unknown` so far.
    """

    name: str
    bands: tuple[float, ...] | None = None
    seen: set[str] = field(default_factory=set)
    whole: bool = True
    not_numbers: int = 0
    rows: int = 0

    def read(self, column: TextColumn) -> pd.Categorical:
        """Return the group of every row, categorical [n]; missing where the value is.

        Raises
        ------
        DataError
            More than :data:`MOST_GROUPS` groups, or a group whose name could be that of an intersection.
        """
        self.rows += len(column.codes)
        names = self._banded(column) if self.bands else list(column.values)
        groups = sorted({name for name in names if name is not None})
        self._require_groups(groups)
        position = {name: at for at, name in enumerate(groups)}
        moved = np.array([-1 if name is None else position[name] for name in names] + [-1], dtype=np.int64)
        return pd.Categorical.from_codes(moved[column.codes], categories=pd.Index(groups, dtype="str"))

    def order(self, groups: tuple[str, ...]) -> tuple[str, ...]:
        """Return names of groups in display order: bands ascend, others are sorted, `unknown` is last."""
        if self.bands:
            known: list[str] = [name for name in band_names(self.bands, whole=False) if name in groups]
        else:
            known = sorted(name for name in groups if name != UNKNOWN_GROUP)
        return (*known, *((UNKNOWN_GROUP,) if UNKNOWN_GROUP in groups else ()))

    @property
    def final_names(self) -> Mapping[str, str]:
        """Name while reading → name in the report, where they differ: bands of whole numbers end at whole numbers."""
        if not self.bands:
            return {}
        return dict(zip(band_names(self.bands, whole=False), band_names(self.bands, self.whole), strict=True))

    def findings(self) -> list[Finding]:
        """Return what stands in the way; call it after the last chunk."""
        if not self.not_numbers:
            return []
        message = "a value that is not a number is in no band"
        return [Finding("bands", message, self.name, self.not_numbers, "numbers, or an empty field")]

    def _banded(self, column: TextColumn) -> list[str | None]:
        names = band_names(self.bands or (), whole=False)
        numbers = pd.to_numeric(pd.Series(column.values, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
        odd = ~np.isfinite(numbers)
        if odd.any():
            self.not_numbers += int(np.append(odd, [False])[column.codes].sum())
        known: npt.NDArray[np.float64] = numbers[~odd]
        self.whole = self.whole and bool((known == np.rint(known)).all())
        positions = np.searchsorted(np.array(self.bands), numbers, side="right")
        return [None if no_number else names[at] for no_number, at in zip(odd.tolist(), positions, strict=True)]

    def _require_groups(self, groups: list[str]) -> None:
        self.seen.update(groups[: MOST_GROUPS + 1])
        if len(groups) > MOST_GROUPS or len(self.seen) > MOST_GROUPS:
            raise DataError(
                f"the column '{self.name}' has more than {MOST_GROUPS:,} distinct values in the first {self.rows:,} "
                f"rows, more than the groups that can be compared. Put its numbers into bands (--bands "
                f"'{self.name}=25,45'), or name a column of groups."
            )
        # Blanks around the name, so that × at its edge is found: it would join up with the neighbour's.
        if any(JOINED_BY in f" {name} " for name in groups):
            raise DataError(
                f"the column '{self.name}' has groups with '{JOINED_BY.strip()}' in their names, which stands between "
                "the parts of an intersection. Write another sign there."
            )
