"""The tables by which boosted trees are explained quickly; used only where they give what the slow ways give."""

from dataclasses import dataclass, replace

import numpy as np

from apps.ml.deployment.explaining.leaf_contributions import LeafContributions, leaf_contributions
from apps.ml.deployment.explaining.leaf_neighbours import LeafNeighbours, leaf_neighbours
from apps.ml.deployment.explaining.leaf_patterns import LeafPatterns, leaf_patterns
from apps.ml.deployment.explaining.nearby_scores import nearby_finder
from apps.ml.deployment.explaining.tree_leaves import FloatArray, TreeLeaves, leaves_of
from apps.ml.evaluation.explanations.reasons_given.reasons import ReasonFinder
from apps.ml.evaluation.explanations.reasons_given.score_gains import score_gains
from apps.ml.models.bundle import ModelBundle
from apps.ml.models.golden_rows import TOLERANCE
from apps.ml.models.parts.boosted_trees import BoostedTrees

TRIED_ROWS = 32
TRIED_GAINS = 8
SEED = 0


@dataclass(frozen=True)
class TreeTables:
    """Tables of one bundle whose estimator is LightGBM's trees. `neighbours`: None where reasons need the slow way."""

    patterns: LeafPatterns
    contributions: LeafContributions
    neighbours: LeafNeighbours | None


def tree_tables(bundle: ModelBundle, finder: ReasonFinder | None) -> TreeTables | None:
    """Make the tables and try them; None where the bundle has no such trees or the tables give other numbers."""
    if not isinstance(bundle.estimator, BoostedTrees):
        return None
    leaves = leaves_of(bundle.estimator)
    contributions = leaf_contributions(leaves, bundle.estimator.n_features_in_)
    patterns = None if contributions is None else leaf_patterns(leaves)
    if contributions is None or patterns is None or not agrees(patterns, contributions, bundle.estimator):
        return None
    tables = TreeTables(patterns, contributions, None)
    return tables if finder is None else replace(tables, neighbours=_neighbours(bundle, finder, leaves))


def agrees(patterns: LeafPatterns, contributions: LeafContributions, estimator: BoostedTrees) -> bool:
    """Whether rows drawn from the limits of the leaves get the library's own contributions."""
    rows = _rows_at_limits(contributions.leaves, contributions.features)
    own = estimator.contributions(rows)
    found = np.array([contributions.of_row(patterns.of_row(row)) for row in rows])
    same_base = abs(own[0, -1] - contributions.leaves.base) <= TOLERANCE
    return bool(same_base and np.abs(found - own[:, :-1]).max() <= TOLERANCE)


def _rows_at_limits(leaves: TreeLeaves, features: int) -> FloatArray:
    """Return [TRIED_ROWS, k] rows whose values lie on a limit, just above it, or between two."""
    generator = np.random.default_rng(SEED)
    rows = np.zeros((TRIED_ROWS, features))
    for feature in np.unique(leaves.feature).tolist():
        limits = leaves.at_most[(leaves.feature == feature) & np.isfinite(leaves.at_most)]
        drawn = generator.choice(limits, (3, TRIED_ROWS)) if len(limits) else np.zeros((3, TRIED_ROWS))
        values = np.stack([drawn[0], np.nextafter(drawn[0], np.inf), (drawn[1] + drawn[2]) / 2])
        rows[:, feature] = values[generator.integers(0, 3, TRIED_ROWS), np.arange(TRIED_ROWS)]
    return rows


def _neighbours(bundle: ModelBundle, finder: ReasonFinder, leaves: TreeLeaves) -> LeafNeighbours | None:
    """Look up the replacing values; None where a decision is more than the trees' sum, or a feature of two columns."""
    info = bundle.info
    names = {column.name: position for position, column in enumerate(info.columns)}
    if bundle.adjustment is not None or info.group is not None or not set(info.feature_sources) <= set(names):
        return None
    columns = np.array([names[source] for source in info.feature_sources], dtype=np.intp)
    encoded = [bundle.encode(finder.coded.frame(rows)) for rows in _replaced(finder)]
    found = leaf_neighbours(leaves, columns, encoded)
    return found if _same_gains(bundle, finder, found) else None


def _replaced(finder: ReasonFinder) -> list[FloatArray]:
    """Return per column coded rows [values, columns] in which it has each of its reference values."""
    first = np.array([values[0] for values in finder.reference.values])
    replaced = []
    for column, values in enumerate(finder.reference.values):
        rows = np.tile(first, (len(values), 1))
        rows[:, column] = values
        replaced.append(rows)
    return replaced


def _same_gains(bundle: ModelBundle, finder: ReasonFinder, neighbours: LeafNeighbours) -> bool:
    """Whether rows made of reference values get the gains that scoring every replaced row gives."""
    generator = np.random.default_rng(SEED)
    drawn = [generator.choice(values, TRIED_GAINS) for values in finder.reference.values]
    rows = np.column_stack(drawn)
    X, nearby = bundle.encode(finder.coded.frame(rows)), nearby_finder(finder)
    for codes, x in zip(rows[:, None, :], X, strict=True):
        quick = nearby.of_row(codes, *neighbours.outputs(neighbours.leaves.patterns(x)))
        found = score_gains(quick.coded, codes, finder.reference)
        expected = score_gains(finder.coded, codes, finder.reference)
        if np.abs(found.gain - expected.gain).max() > TOLERANCE:
            return False
    return True
