"""Contributions to the scores of single rows: those of the evidence, from tables where the version has tables."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.explaining.leaf_contributions import LeafContributions
from apps.ml.deployment.explaining.row_explanation import CONTRIBUTIONS, RowExplanation
from apps.ml.evaluation.explanations.contributions.exact import Output
from apps.ml.evaluation.explanations.contributions.shap_values import (
    SATURATION,
    TOLERANCE,
    Contributions,
    checked,
    contributions_of,
)
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.models.bundle import ModelBundle

Patterns = Sequence[npt.NDArray[np.intp]]


class ContributionPart(Protocol):
    """Explains scores; every row's contributions are checked against the score that was answered."""

    def contributions(self, X: FloatArray, patterns: Patterns, scores: FloatArray) -> list[Contributions]:
        """Return the contributions of each encoded row [n, k] with these patterns of leaves that was scored so."""


@dataclass(frozen=True)
class TableContributions:
    """Contributions from the tables of trees. `columns`: source columns; `position` [sides]: that of each side."""

    tables: LeafContributions
    method: str
    output: Output
    columns: tuple[str, ...]
    position: npt.NDArray[np.intp]

    def contributions(self, X: FloatArray, patterns: Patterns, scores: FloatArray) -> list[Contributions]:  # noqa: ARG002
        """See :class:`ContributionPart`."""
        return [self._of_row(one, score) for one, score in zip(patterns, scores.reshape(-1, 1), strict=True)]

    def _of_row(self, patterns: npt.NDArray[np.intp], score: FloatArray) -> Contributions:
        values = np.bincount(self.position, self.tables.of_sides(patterns), len(self.columns)).astype(float, copy=False)
        base = self.tables.leaves.base
        found = Contributions(self.method, self.output, self.columns, values[None], np.array([base]))
        if self.output == "log-odds" and adds_up(base + float(values.sum()), float(score[0])):
            return found
        return checked(found, score)


@dataclass(frozen=True)
class OwnContributions:
    """Contributions by the method that the evidence has for this estimator.

    `background`: float64 [m, k]; `background_name`: what it stands for, in words, None: as many training rows.
    """

    bundle: ModelBundle
    background: FloatArray
    seed: int
    background_name: str | None = None

    def contributions(self, X: FloatArray, patterns: Patterns, scores: FloatArray) -> list[Contributions]:  # noqa: ARG002
        """See :class:`ContributionPart`."""
        sources, name = self.bundle.info.feature_sources, self.background_name
        found = contributions_of(self.bundle, X, self.background, sources, self.seed, name)
        together = replace(found, undefined=None)
        return [
            checked(replace(together, values=together.values[row : row + 1], base=together.base[row : row + 1]), score)
            for row, score in enumerate(scores.reshape(-1, 1))
        ]


def adds_up(total: float, score: float) -> bool:
    """Tell whether log-odds surely make this probability, within what :func:`checked` allows: it says the same, later.

    False where only that can tell: near 0 and 1, and where the sum is off.
    """
    if not SATURATION < score < 1 - SATURATION:
        return False
    expected = math.log(score / (1 - score))
    return abs(total - expected) <= TOLERANCE / 2 * max(1.0, abs(expected))


def table_contributions(bundle: ModelBundle, tables: LeafContributions) -> TableContributions:
    """Put the tables of a bundle's trees together with the names of its columns."""
    sources, estimator = bundle.info.feature_sources, bundle.estimator
    columns = tuple(dict.fromkeys(sources))
    places = np.array([columns.index(source) for source in sources[: tables.features]], dtype=np.intp)
    position = places[tables.leaves.feature]
    return TableContributions(tables, estimator.contributions_method, estimator.contributions_output, columns, position)


def fill_in_contributions(row: RowExplanation, found: Contributions) -> None:
    """Write the contributions of one row into its explanation, or why they are undefined."""
    row.output, row.method, row.sampling_error = found.output, found.method, found.sampling_error
    if found.undefined is not None:
        row.undefined[CONTRIBUTIONS] = found.undefined
        return
    row.base = float(found.base[0])
    listed = zip(found.columns, found.values[0].tolist(), strict=True)
    row.contributions = dict(sorted(listed, key=lambda item: -abs(item[1])))
