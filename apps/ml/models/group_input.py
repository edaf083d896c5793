"""The group of a person as an input of the model, where a mitigation needs it at decision time.

A request then carries the column `fairmind:group:<attribute>` with the name of the group; the encoded matrix has its
code as the last column: the position of the name in `groups`, -1 where it is missing or unknown to the model.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import GROUP, ColumnSchema, is_unknown_group

NO_GROUP = -1


@dataclass(frozen=True)
class GroupInput:
    """The sensitive attribute that decisions need, and its groups in the order of their codes."""

    attribute: str
    groups: tuple[str, ...]

    @property
    def column_name(self) -> str:
        """Name of the input column."""
        return GROUP + self.attribute

    @property
    def column(self) -> ColumnSchema:
        """The input column as the signature shows it."""
        return ColumnSchema(
            name=self.column_name,
            kind="categorical",
            nullable=True,
            categories=self.groups,
            sensitive=True,
            description=f"Group of the sensitive attribute {self.attribute}, which the decision depends on",
            actionable="no",
        )

    def codes(self, names: "pd.Series[str]") -> npt.NDArray[np.float64]:
        """Return float64 [n] codes of group names."""
        positions = {name: code for code, name in enumerate(self.groups) if not is_unknown_group(name)}
        codes = [positions.get(name, NO_GROUP) for name in names]
        return np.array(codes, dtype=np.float64)
