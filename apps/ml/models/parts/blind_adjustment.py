"""Scores moved by what the features tell of group and label: groups are made equal and nobody is asked for theirs.

Write η for the score, p_ay for the share of people of group a with label y, and q_ay(x) for the probability that a
person with features x would be of group a if the label were y. Then the true positive rate of group a is the mean of
h(x) η(x) q_a1(x) / p_a1 over everybody, for any decisions h that are made from x alone; its false positive rate is the
mean of h (1 - η) q_a0 / p_a0, its selection rate that of h (η q_a1 + (1 - η) q_a0) / p_a. Of all decisions that keep
such means within a tolerance of each other, those worth most decide 1 where the score less a weighted sum of the terms
is at or above the threshold. The weights, one per rate and group, are the multipliers.

References
----------
Hardt, Price, Srebro (2016), NeurIPS, section 4 (rules from score and group); Menon and Williamson (2018), The cost of
fairness in binary classification, FAT*, section 5 (optimal rules without the group).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from apps.ml.models.bundle_files import write_exact_json
from apps.ml.models.parts.boosted_trees import BoostedTrees
from apps.ml.models.parts.numbers import read_checked
from apps.ml.models.parts.part import ReadPart, WritePart

FILE = "blind_adjustment.json"
MEMBER_FOLDER = "member_{}"
LARGEST_MULTIPLIER = 1e6
RATES: Mapping[str, int] = {"equalized_odds": 2, "equal_opportunity": 1, "demographic_parity": 1}
"""Constraint → how many rates it compares."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BlindAdjustment:
    """Adjustment: the score less the multipliers' sum.

    `members`: for two groups one model of the second one, for more one model per group; each takes the k encoded
    features and, last, the label. `doubt`: no group is taken to be more probable than 1 less this. `shares`: float64
    [2, groups], p_ay by label and group. `multipliers`: float64 [rates, groups], each row sums to 0.
    """

    constraint: str
    threshold: float
    doubt: float
    shares: Matrix
    multipliers: Matrix
    members: tuple[BoostedTrees, ...]
    kind: ClassVar[str] = "blind"
    needs_group: ClassVar[bool] = False
    randomised: ClassVar[bool] = False

    def decision_scores(self, scores: Matrix, X: Matrix) -> Matrix:
        """Return float64 [n] in [0, 1], which are compared with the threshold; X float64 [n, k] has no group."""
        if not len(X):
            return np.empty(0)
        membership = capped(membership_of(self.members, X), self.shares, self.doubt)
        return moved_scores(scores, rate_terms(self.constraint, scores, membership, self.shares), self.multipliers)

    def write(self, folder: Path, write_part: WritePart) -> None:
        """Write `blind_adjustment.json` and a folder for each model of a group."""
        content = {
            "constraint": self.constraint,
            "threshold": self.threshold,
            "doubt": self.doubt,
            "shares": self.shares.tolist(),
            "multipliers": self.multipliers.tolist(),
            "members": len(self.members),
        }
        write_exact_json(folder / FILE, content)
        for number, member in enumerate(self.members):
            write_part(folder / MEMBER_FOLDER.format(number), member)

    @classmethod
    def read(cls, folder: Path, read_part: ReadPart) -> Self:
        """Inverse of :meth:`write`."""
        keys = ("constraint", "threshold", "doubt", "shares", "multipliers", "members")
        content = read_checked(folder / FILE, keys)
        constraint = content.text("constraint", tuple(RATES))
        shares = content.floats("shares", (2, None), 0.0, 1.0)
        groups = shares.shape[1]
        content.require(groups >= 2 and bool(np.all(shares > 0)), "shares", "positive numbers of two groups or more")
        bound = LARGEST_MULTIPLIER
        multipliers = content.floats("multipliers", (RATES[constraint], groups), -bound, bound)
        expected = 1 if groups == 2 else groups
        content.whole("members", expected, expected)
        members = tuple(read_part(folder / MEMBER_FOLDER.format(number)) for number in range(expected))
        sound = all(isinstance(member, BoostedTrees) for member in members)
        sound = sound and len({member.n_features_in_ for member in members}) == 1
        content.require(sound, "members", "models of boosted trees that take the same features")
        threshold, doubt = content.number("threshold", 0.0, 2.0), content.number("doubt", 0.0, 0.5)
        return cls(constraint, threshold, doubt, shares, multipliers, members)


def membership_of(members: Sequence[BoostedTrees], X: Matrix) -> Matrix:
    """Return float64 [2, n, groups]: the probability of each group if the label were 0, and if it were 1.

    Several models' probabilities are scaled so that those of a person sum to 1.
    """
    found = []
    for label in (0.0, 1.0):
        labelled = np.column_stack([X, np.full(len(X), label)])
        single = [member.score(labelled) for member in members]
        columns = [1.0 - single[0], single[0]] if len(single) == 1 else single
        total = _sum(columns)
        found.append(np.column_stack([column / np.where(total > 0.0, total, 1.0) for column in columns]))
    return np.array(found)


def capped(membership: Matrix, shares: Matrix, doubt: float) -> Matrix:
    """Return probabilities [2, n, groups] of which none is above 1 - `doubt`; those of a person still sum to 1.

    What the likeliest group loses goes to the others in proportion to their shares [2, groups] of the label. For two
    groups all probabilities then lie in [doubt, 1 - doubt]. Without this, decisions about people whose group is all but
    certain hang on the last digits of that certainty.

    Examples
    --------
    At 0.1, probabilities 0.02 and 0.98 become 0.1 and 0.9.
    """
    over = np.maximum(membership - (1.0 - doubt), 0.0)
    likeliest = over > 0.0
    lost = over.sum(axis=2, keepdims=True)
    others = np.where(likeliest, 0.0, shares[:, None, :])
    total = others.sum(axis=2, keepdims=True)
    return np.where(likeliest, 1.0 - doubt, membership + lost * others / np.where(total > 0.0, total, 1.0))


def rate_terms(constraint: str, scores: Matrix, membership: Matrix, shares: Matrix) -> Matrix:
    """Return float64 [rates, n, groups]: what each row adds to a group's rate if it is decided 1, times n.

    Rates in the order in which the constraint compares them: true positive before false positive rate.
    """
    positive = scores[:, None] * membership[1]
    negative = (1.0 - scores)[:, None] * membership[0]
    if constraint == "demographic_parity":
        return np.array([(positive + negative) / shares.sum(axis=0)])
    true_positives = positive / shares[1]
    if constraint == "equal_opportunity":
        return np.array([true_positives])
    return np.array([true_positives, negative / shares[0]])


def moved_scores(scores: Matrix, terms: Matrix, multipliers: Matrix) -> Matrix:
    """Return float64 [n] in [0, 1]: scores less the sum of terms [rates, n, groups] by multipliers [rates, groups]."""
    weighted = [
        terms[rate, :, group] * multipliers[rate, group]
        for rate in range(multipliers.shape[0])
        for group in range(multipliers.shape[1])
    ]
    return np.clip(scores - _sum(weighted), 0.0, 1.0)


def _sum(columns: Sequence[Matrix]) -> Matrix:
    """Add up in a fixed order, so that a row gets the same sum alone and among others."""
    total = np.zeros(len(columns[0]))
    for column in columns:
        total = total + column
    return total
