"""The leaves of boosted trees as boxes: for every leaf the interval of each encoded feature that leads to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.ml.deployment.scorers.tree_engines import NEARLY_ZERO
from apps.ml.models.parts.boosted_trees import BoostedTrees

FloatArray = npt.NDArray[np.float64]
Positions = npt.NDArray[np.intp]

EVERYTHING = (-np.inf, np.inf, 1.0)
Box = dict[int, tuple[float, float, float]]


@dataclass(frozen=True)
class TreeLeaves:
    """All leaves of an ensemble, ascending by their number of sides.

    A *side* is one feature of one leaf; the sides of a leaf stand together.

    `value` [leaves]: what a leaf adds to the output. `first` [leaves], `count` [leaves]: where its sides begin, and how
    many it has (at least 1). `feature`, `above`, `at_most`, `share` [sides]: a row passes a side where
    `above < x[feature] <= at_most`; `share` of the training rows that came past the leaf's other nodes pass it. `leaf`,
    `bit` [sides]: the side's leaf, and 2 to the power of its place among the leaf's sides. `base`: the mean output of
    the training rows.
    """

    value: FloatArray
    first: Positions
    count: Positions
    feature: Positions
    above: FloatArray
    at_most: FloatArray
    share: FloatArray
    leaf: Positions
    bit: Positions
    base: float

    def patterns(self, x: FloatArray) -> Positions:
        """Return intp [leaves] for an encoded row [k]: the sum of the bits of the sides that it passes, by leaf."""
        values = np.where(np.abs(x) > NEARLY_ZERO, x, 0.0).take(self.feature)
        passed = (values > self.above) & (values <= self.at_most)
        return np.add.reduceat(passed * self.bit, self.first)


def leaves_of(estimator: BoostedTrees) -> TreeLeaves:
    """Read the leaves from the checked text of LightGBM's trees.

    A tree of one leaf moves nothing and is part of the base.
    """
    base, found = 0.0, []
    for tree in _trees(estimator.text):
        values = _floats(tree["leaf_value"])
        if len(values) == 1:
            base += float(values[0])
            continue
        rows = _floats(tree["leaf_count"])
        base += float(values @ rows) * _part(1.0, float(rows.sum()))
        found += _boxes(tree)
    found.sort(key=lambda leaf: len(leaf[1]))
    count = np.array([len(box) for _, box in found], dtype=np.intp)
    sides = np.array([(feature, *side) for _, box in found for feature, side in box.items()]).reshape(-1, 4)
    first = np.cumsum(count) - count
    return TreeLeaves(
        value=np.array([value for value, _ in found]),
        first=first,
        count=count,
        feature=sides[:, 0].astype(np.intp),
        above=sides[:, 1].copy(),
        at_most=sides[:, 2].copy(),
        share=sides[:, 3].copy(),
        leaf=np.repeat(np.arange(len(count)), count),
        bit=np.left_shift(1, np.arange(len(sides)) - np.repeat(first, count)),
        base=base,
    )


def _trees(text: str) -> Iterator[Mapping[str, str]]:
    for block in text.split("\nend of trees")[0].split("Tree=")[1:]:
        yield dict(line.split("=", 1) for line in block.split("\n") if "=" in line)


def _boxes(tree: Mapping[str, str]) -> list[tuple[float, Box]]:
    """Return value and box of each leaf of one tree; LightGBM writes leaf j as −1 − j, and `<=` goes left."""
    feature, left, right = (_wholes(tree[key]) for key in ("split_feature", "left_child", "right_child"))
    thresholds, values = _floats(tree["threshold"]), _floats(tree["leaf_value"])
    of_node, of_leaf = _floats(tree["internal_count"]), _floats(tree["leaf_count"])
    found: list[tuple[float, Box]] = []
    waiting: list[tuple[int, Box]] = [(0, {})]
    while waiting:
        node, box = waiting.pop()
        if node < 0:
            found.append((float(values[-1 - node]), box))
            continue
        above, at_most, share = box.get(feature[node], EVERYTHING)
        threshold = float(thresholds[node])
        for child, limits in (
            (left[node], (above, min(at_most, threshold))),
            (right[node], (max(above, threshold), at_most)),
        ):
            rows = of_leaf[-1 - child] if child < 0 else of_node[child]
            waiting.append((child, {**box, feature[node]: (*limits, share * _part(rows, of_node[node]))}))
    return found


def _part(rows: float, of: float) -> float:
    return float(rows / of) if of else 0.0


def _floats(text: str) -> FloatArray:
    return np.array([float(number) for number in text.split(" ")])


def _wholes(text: str) -> list[int]:
    return [int(number) for number in text.split(" ")]
