"""Which reasons are given how often, to whom, and whether groups of people are given different ones."""

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import is_unknown_group
from apps.ml.evaluation.explanations.reasons_given.reasons import Positions
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.rates import share
from apps.ml.parameters import ModelEvaluation

Counts = npt.NDArray[np.int64]
PERMUTATIONS = 24
"""Stream of randomness that permutes groups."""

_NOBODY = "no row was examined"


def reasons_by_frequency(order: Positions, columns: tuple[str, ...], confidence: float) -> list[dict[str, Any]]:
    """List the columns that were given as a reason: how often first, and how often at all; the most frequent first.

    Parameters
    ----------
    order : intp [n, most], positions of columns, −1 where there is no reason
    columns : names of the columns
    confidence : float in (0, 1)
    """
    n = len(order)
    first = np.bincount(order[order[:, 0] >= 0, 0], minlength=len(columns))
    given = np.bincount(order[order >= 0], minlength=len(columns))
    ranked = sorted(np.flatnonzero(given).tolist(), key=lambda column: (-given[column], -first[column], column))
    return [
        {
            "column": columns[column],
            "first": share(int(first[column]), n, confidence, _NOBODY).to_dict(),
            "given": share(int(given[column]), n, confidence, _NOBODY).to_dict(),
        }
        for column in ranked
    ]


def reasons_by_group(
    order: Positions, groups: pd.DataFrame, columns: tuple[str, ...], parameters: ModelEvaluation
) -> dict[str, Any]:
    """Tell per attribute which first reasons its groups are given, and how far the judged groups differ.

    A group is judged if it is not unknown and holds at least `parameters.minimum_group_size` of the examined rows.

    Parameters
    ----------
    order : intp [n, most]
    groups : data frame [n, attributes] of group names, aligned with `order`
    columns : names of the columns
    parameters : ModelEvaluation

    Returns
    -------
    dict
        Attribute → `groups` (name → `n`, `judged`, `first_reasons`: a list of `column` and `share`, and
        `without_reason`) and `difference`: the largest total variation distance between the first reasons of two judged
        groups, 0 (the same) to 1, with the p-value of a permutation of the groups and the distance that chance alone
        would give on average. Undefined for fewer than two judged groups.
    """
    return {str(name): _of_attribute(order, groups[name], columns, parameters) for name in groups.columns}


def _of_attribute(
    order: Positions, names: "pd.Series[Any]", columns: tuple[str, ...], parameters: ModelEvaluation
) -> dict[str, Any]:
    levels = sorted(str(name) for name in names.unique())
    group = np.searchsorted(np.array(levels, dtype=object), names.to_numpy(dtype=object)).astype(np.int64)
    sizes = np.bincount(group, minlength=len(levels))
    judged = [
        not is_unknown_group(name) and int(size) >= parameters.minimum_group_size
        for name, size in zip(levels, sizes, strict=True)
    ]
    outcome = np.where(order[:, 0] < 0, len(columns), order[:, 0]).astype(np.int64)
    counts = _counted(group, outcome, len(levels), len(columns) + 1)
    described = {
        name: _of_group(counts[position], judged[position], columns, parameters.confidence)
        for position, name in enumerate(levels)
    }
    compared = np.flatnonzero(judged)
    return {"groups": described, "difference": _difference(group, outcome, compared, levels, parameters)}


def _of_group(counts: Counts, judged: bool, columns: tuple[str, ...], confidence: float) -> dict[str, Any]:
    n = int(counts.sum())
    ranked = sorted(np.flatnonzero(counts[:-1]).tolist(), key=lambda column: (-counts[column], column))
    return {
        "n": n,
        "judged": judged,
        "first_reasons": [
            {"column": columns[column], "share": share(int(counts[column]), n, confidence, _NOBODY).to_dict()}
            for column in ranked
        ],
        "without_reason": share(int(counts[-1]), n, confidence, _NOBODY).to_dict(),
    }


def _difference(
    group: Counts, outcome: Counts, compared: npt.NDArray[np.intp], levels: list[str], parameters: ModelEvaluation
) -> dict[str, Any]:
    if len(compared) < 2:
        return undefined("fewer than two groups are judged", n=0).to_dict()
    kept = np.isin(group, compared)
    position = np.searchsorted(compared, group[kept]).astype(np.int64)
    found, pair = _largest_distance(_counted(position, outcome[kept], len(compared), int(outcome.max()) + 1))
    chance = _permuted_distances(position, outcome[kept], parameters.bootstrap_replicates, parameters.seed)
    method = (
        f"largest total variation distance between the first reasons of two judged groups; {len(chance)} permutations"
    )
    measured = Measurement(found, int(kept.sum()), method=method).to_dict()
    return measured | {
        "between": [levels[compared[one]] for one in pair],
        "p_value": (1 + int(np.sum(chance >= found - 1e-12))) / (1 + len(chance)),
        "expected_by_chance": float(chance.mean()),
    }


def _permuted_distances(group: Counts, outcome: Counts, replicates: int, seed: int) -> npt.NDArray[np.float64]:
    generator = np.random.default_rng([seed, PERMUTATIONS])
    groups, outcomes = int(group.max()) + 1, int(outcome.max()) + 1
    return np.array(
        [
            _largest_distance(_counted(generator.permutation(group), outcome, groups, outcomes))[0]
            for _ in range(replicates)
        ]
    )


def _largest_distance(counts: Counts) -> tuple[float, tuple[int, int]]:
    """Largest total variation distance between two rows of counts, and which two; half the sum of absolute gaps."""
    shares = counts / counts.sum(axis=1, keepdims=True)
    pairs = list(combinations(range(len(counts)), 2))
    one, other = np.array(pairs).T
    distances = np.abs(shares[one] - shares[other]).sum(axis=1) / 2
    worst = int(np.argmax(distances))
    return float(distances[worst]), pairs[worst]


def _counted(group: Counts, outcome: Counts, groups: int, outcomes: int) -> Counts:
    cells = np.bincount(group * outcomes + outcome, minlength=groups * outcomes)
    return cells.reshape(groups, outcomes).astype(np.int64)
