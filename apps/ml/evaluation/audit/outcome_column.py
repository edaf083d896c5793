"""One outcome column while it is read: every value becomes 0 or 1, and what could not be decided is remembered."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError, Finding
from apps.ml.evaluation.audit.chunks import TextColumn
from apps.ml.evaluation.audit.outcome_words import OutcomeWords, canonical, is_between_zero_and_one, is_number

MOST_VALUES = 100
"""More distinct values than this are no outcomes."""

MISSING = -1


@dataclass
class OutcomeColumn:
    """Reads prediction or label chunk by chunk.

    `option` is how the column was named ("--prediction"). `rows`: canonical value → rows that hold it. `first_line`:
    canonical value → line of its first row. `missing`: rows without a value.
    """

    option: str
    name: str
    words: OutcomeWords
    rows: dict[str, int] = field(default_factory=dict)
    first_line: dict[str, int] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    missing: int = 0
    first_missing: int | None = None

    def read(self, column: TextColumn, first_line: int) -> npt.NDArray[np.int8]:
        """Return 1 for the positive event, 0 for any other value and −1 for a missing one, int8 [n].

        Raises
        ------
        DataError
            The column holds probabilities, or more distinct values than outcomes have.
        """
        values = [canonical(value) for value in column.values[: MOST_VALUES + 1]]
        self._require_outcomes(values, len(column.values))
        counted = np.bincount(column.codes + 1, minlength=len(column.values) + 1)
        for at, value in enumerate(values):
            rows = int(counted[at + 1])
            if rows and value not in self.rows:
                self.first_line[value] = first_line + int(np.argmax(column.codes == at))
                self.written[value] = column.values[at].strip()
            self.rows[value] = self.rows.get(value, 0) + rows
        if counted[0] and self.first_missing is None:
            self.first_missing = first_line + int(np.argmax(column.codes < 0))
        self.missing += int(counted[0])
        positive = self.words.positive_values
        outcome = np.array([int(value in positive) for value in values] + [MISSING], dtype=np.int8)
        return outcome[column.codes]

    def words_found(self, positive: bool) -> list[str]:
        """Return the values of one outcome as they are written in the file, in sorted order."""
        known = self.words.positive_values
        return sorted(self.written[value] for value in self.written if (value in known) == positive)

    def findings(self) -> list[Finding]:
        """Return what stands in the way of two outcomes; call it after the last chunk."""
        found = [value for value, rows in self.rows.items() if rows]
        positive, negative = self.words.positive_values, self.words.negative_values
        other = [value for value in found if value not in positive and value not in negative]
        if other and not positive.intersection(found):
            expected = f"{self.option} with at least one of the values of --positive (default: 1, true, yes)"
            rows = sum(self.rows[value] for value in found)
            return [Finding("outcome", "no row holds a positive value", self.name, rows, expected)]
        if len(other) > 1 or (other and negative.intersection(found)):
            return [self._undecided(other, bool(negative.intersection(found)))]
        return []

    def _undecided(self, other: list[str], negative_found: bool) -> Finding:
        values = f"{len(other)} value{'s' if len(other) > 1 else ''}"
        first = min(self.first_line[value] for value in other)
        known = "neither positive nor known to be negative" if negative_found else "not positive and not told apart"
        return Finding(
            "outcome",
            f"{values} {'are' if len(other) > 1 else 'is'} {known}, the first in line {first}",
            self.name,
            sum(self.rows[value] for value in other),
            "two outcomes: name the values with --positive, and with --favourable or --negative those of the other "
            "outcome; values that stand for nothing with --missing",
        )

    def _require_outcomes(self, values: list[str], distinct: int) -> None:
        together = {*self.rows, *values}
        numbers = [value for value in together if is_number([value]) and 0.0 <= float(value) <= 1.0]
        if any(is_between_zero_and_one(value) for value in numbers if value not in self.words.named):
            raise DataError(
                f"the column '{self.name}' ({self.option}) holds probabilities, not outcomes. Name it with --score, "
                "and say with --threshold from which score on a row is predicted positive."
            )
        if max(distinct, len(together)) > MOST_VALUES:
            raise DataError(
                f"the column '{self.name}' ({self.option}) has more than {MOST_VALUES} distinct values: it holds no "
                "outcomes. Name the column of the two outcomes, or a score with --score and --threshold."
            )
