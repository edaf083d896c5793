"""Thresholds by group, two of them mixed by chance where one alone does not make the groups equal.

For a group with the numbers (p_ignore, c, p₀, t₀, p₁, t₁), a score s is decided 1 with the probability
p_ignore · c + (1 − p_ignore) · (p₀ · [s > t₀] + p₁ · [s > t₁]). For a given draw this is one threshold; the score is
moved so that the model's common threshold decides the same.

References
----------
Hardt, Price, Srebro (2016), "Equality of Opportunity in Supervised Learning", NeurIPS, section 3.2.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from apps.ml.models.bundle_files import write_exact_json
from apps.ml.models.parts.draws import draws
from apps.ml.models.parts.numbers import read_checked
from apps.ml.models.parts.part import ReadPart, WritePart

FILE = "threshold_mixture.json"
NUMBERS = ("p_ignore", "constant", "p0", "threshold0", "p1", "threshold1")
NOBODY, EVERYBODY = 2.0, -1.0
"""Thresholds above and below every score."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ThresholdMixture:
    """Adjustment: decisions by the thresholds of the person's group.

    `numbers`: float64 [groups, 6] in the order of :data:`NUMBERS`; thresholds lie in [-1, 2]. `judged`: bool [groups],
    whether a group has numbers; the others, and people whose group is unknown, keep their scores. `threshold`: the
    model's common one, in (0, 1].
    """

    numbers: Matrix
    judged: npt.NDArray[np.bool_]
    threshold: float
    seed: int
    kind: ClassVar[str] = "threshold_mixture"
    needs_group: ClassVar[bool] = True
    randomised: ClassVar[bool] = True

    def probabilities(self, scores: Matrix, codes: npt.NDArray[np.int64]) -> Matrix:
        """Return float64 [n]: with what probability over all draws each row is decided 1."""
        p_ignore, constant, p0, t0, p1, t1 = self._numbers_of(codes)
        known = self._known(codes)
        mixed = p_ignore * constant + (1 - p_ignore) * (p0 * (scores > t0) + p1 * (scores > t1))
        return np.where(known, mixed, (scores >= self.threshold).astype(np.float64))

    def decision_scores(self, scores: Matrix, X: Matrix) -> Matrix:
        """Return float64 [n] in [0, 1]: at or above the common threshold exactly where the drawn threshold is passed.

        The draw is made from all features but the group's code.
        """
        codes = np.rint(X[:, -1]).astype(np.int64)
        limits = self.drawn_thresholds(draws(X[:, :-1], self.seed), codes)
        return np.where(self._known(codes), moved(scores, limits, self.threshold), scores)

    def drawn_thresholds(self, drawn: Matrix, codes: npt.NDArray[np.int64]) -> Matrix:
        """Return float64 [n]: the threshold that a score has to be above, for draws [n] in [0, 1).

        The probability of a 1 rises with the score in steps at t₀ and t₁; the threshold is the step at which it comes
        to lie above the draw.
        """
        p_ignore, constant, p0, t0, p1, t1 = self._numbers_of(codes)
        low, high = np.minimum(t0, t1), np.maximum(t0, t1)
        p_low = np.where(t0 == t1, p0 + p1, np.where(t0 < t1, p0, p1))
        ignored = p_ignore * constant
        top = ignored + (1 - p_ignore) * (p0 + p1)
        steps = [drawn < ignored, drawn < ignored + (1 - p_ignore) * p_low, drawn < top]
        return np.select(steps, [np.full(len(drawn), EVERYBODY), low, high], NOBODY)

    def _numbers_of(self, codes: npt.NDArray[np.int64]) -> Matrix:
        """Return float64 [6, n]; those of any group where a row's group has none."""
        return self.numbers[np.where(self._known(codes), codes, 0)].T

    def _known(self, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        inside = (codes >= 0) & (codes < len(self.judged))
        return inside & self.judged[np.where(inside, codes, 0)]

    def write(self, folder: Path, write_part: WritePart) -> None:  # noqa: ARG002 (holds no part)
        """Write `threshold_mixture.json`."""
        content = {
            "numbers": self.numbers.tolist(),
            "judged": self.judged.astype(int).tolist(),
            "threshold": self.threshold,
            "seed": self.seed,
        }
        write_exact_json(folder / FILE, content)

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:  # noqa: ARG003 (holds no part)
        """Inverse of :meth:`write`."""
        content = read_checked(folder / FILE, ("numbers", "judged", "threshold", "seed"))
        numbers = content.floats("numbers", (None, len(NUMBERS)), EVERYBODY, NOBODY)
        judged = content.integers("judged", (len(numbers),), 0, 1).astype(np.bool_)
        return cls(numbers, judged, content.number("threshold", 0.0, NOBODY), content.whole("seed", 0))


def moved(scores: Matrix, limits: Matrix, threshold: float) -> Matrix:
    """Return float64 [n] in [0, 1]: scores stretched so that each row's own limit comes to lie at `threshold`.

    A score above its limit lands at or above the threshold, any other below it; order within a limit is kept. Limits
    outside of [0, 1) give 1 or 0.

    Examples
    --------
    With the threshold 0.5 and the limit 0.2, a score of 0.6 lands at 0.5 + 0.5 · 0.4 / 0.8 = 0.75, one of 0.1 at 0.25.
    """
    inside = (limits >= 0.0) & (limits < 1.0)
    safe = np.where(inside, limits, 0.5)
    above = threshold + (1.0 - threshold) * (scores - safe) / (1.0 - safe)
    below = np.minimum(threshold * scores / np.where(safe > 0, safe, 1.0), np.nextafter(threshold, 0.0))
    stretched = np.where(scores > safe, np.clip(above, threshold, max(1.0, threshold)), np.clip(below, 0.0, 1.0))
    return np.where(inside, stretched, np.where(limits < 0.0, max(1.0, threshold), 0.0))
