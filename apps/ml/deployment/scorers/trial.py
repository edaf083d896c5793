"""The trial of a candidate: it serves only if it gives the bundle's answers, and the quickest of those that do."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.deployment.scorers.probes import values_of
from apps.ml.deployment.scorers.scorer import Scorer, Value
from apps.ml.errors import BundleError
from apps.ml.models.bundle import Answers, ModelBundle
from apps.ml.models.golden_rows import TOLERANCE, check_golden

SECONDS_OF_SINGLE_ROWS = 0.25
"""Single rows are compared for at most so long, the golden ones first."""

TIMED_ROWS = 100
TIMED_SECONDS = 0.02
TIMED_ROUNDS = 5

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Speed:
    """Microseconds: of one row, the mean over different ones, and of a hundred rows together."""

    one: float
    hundred: float

    @property
    def merit(self) -> float:
        """What is made small: both count alike, whichever is larger."""
        return self.one * self.hundred

    def __str__(self) -> str:
        return f"{self.one:.1f} µs for one row, {self.hundred:.0f} µs for {TIMED_ROWS}"


class Trial:
    """Probes with the bundle's own answers.

    Parameters
    ----------
    bundle, folder
        A bundle and where it was read from.
    frame : data frame [n, input columns]
        Golden rows and probes.
    """

    def __init__(self, bundle: ModelBundle, folder: Path, frame: pd.DataFrame) -> None:
        self._bundle, self._folder, self._frame = bundle, folder, frame
        self._rows: list[list[Value]] = values_of(frame, bundle.info.columns)
        with np.errstate(all="ignore"):
            self._expected = bundle.answers(frame)

    def why_wrong(self, scorer: Scorer) -> str | None:
        """Return in what a candidate differs from the bundle; None where it does not."""
        try:
            with np.errstate(all="ignore"):
                check_golden(self._folder, self._bundle.info.columns, lambda frame: scorer.answers(frame).scores)
                return (
                    self._difference("of a frame", scorer.answers(self._frame))
                    or self._difference("of many rows", scorer.score_rows(self._rows))
                    or self._difference("of single rows", self._single_rows(scorer))
                )
        except BundleError:
            return "golden rows get other scores than those that are stored with them"

    def speed(self, scorer: Scorer) -> Speed:
        """Time a scorer on the rows of the trial."""
        rows = (self._rows * (1 + TIMED_ROWS // len(self._rows)))[:TIMED_ROWS]

        def one_by_one() -> None:
            for values in rows:
                scorer.score_row(values)

        with np.errstate(all="ignore"):
            return Speed(_microseconds(one_by_one) / TIMED_ROWS, _microseconds(lambda: scorer.score_rows(rows)))

    def _single_rows(self, scorer: Scorer) -> Answers:
        found, end = [], time.perf_counter() + SECONDS_OF_SINGLE_ROWS
        for values in self._rows:
            found.append(scorer.score_row(values))
            if time.perf_counter() > end:
                break
        decisions = None if found[0][1] is None else np.array([decision for _, decision in found], dtype=np.int8)
        return Answers(np.array([score for score, _ in found]), decisions)

    def _difference(self, which: str, found: Answers) -> str | None:
        """Return in what answers differ from those of the first rows."""
        count = len(found.scores)
        expected = self._expected.scores[:count]
        wrong = int(np.sum(~_is_same(found.scores, expected)))
        if wrong:
            return f"{wrong} of {count} scores {which} are others than the bundle's"
        if self._expected.decisions is None or found.decisions is None:
            return None if self._expected.decisions is found.decisions else f"decisions {which} are others"
        wrong = int(np.sum(found.decisions != self._expected.decisions[:count]))
        return f"{wrong} of {count} decisions {which} are others than the bundle's" if wrong else None


def _is_same(found: Scores, expected: Scores) -> npt.NDArray[np.bool_]:
    """Compare within the golden tolerance, relative where a score is above 1; undefined only equals undefined."""
    near = np.abs(found - expected) <= TOLERANCE * np.maximum(1.0, np.abs(expected))
    return near | (found == expected) | (np.isnan(found) & np.isnan(expected))


def _microseconds(act: Callable[[], object]) -> float:
    """Return the least time of a few rounds, after one that does not count; a slow act has one round."""
    act()
    best, end = float("inf"), time.perf_counter() + TIMED_SECONDS
    for _ in range(TIMED_ROUNDS):
        start = time.perf_counter()
        act()
        best = min(best, time.perf_counter() - start)
        if time.perf_counter() > end:
            break
    return best * 1e6
