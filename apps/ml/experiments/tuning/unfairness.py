"""The second thing that a study can make small: the largest gap between the groups of an attribute, or a group's loss.

Rows of all folds are counted together, each decided by the model and at the threshold of its own fold; groups that are
`unknown` or smaller than the minimum group size do not count. These are point estimates that steer a search: what a
finished model's gaps are, with intervals, says its evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import CLASSIFICATION, ProcessedSchema, Task, is_unknown_group
from apps.ml.errors import ParameterError
from apps.ml.evaluation.fairness.comparisons import COMPARED_RATES, comparison_shares, why_undefined
from apps.ml.evaluation.statistics.counting.counts import CountTable, count
from apps.ml.evaluation.statistics.moments import Moments, moments_by_group
from apps.ml.evaluation.statistics.shares.rates import Favourable
from apps.ml.experiments.tuning.losses import UndefinedLossError
from apps.ml.experiments.tuning.overrides import hinted
from apps.ml.parameters import ModelTuning

LARGEST_GROUP_LOSS = "largest_group_loss"
LOSS = "loss"
Counted = CountTable | Moments


@dataclass(frozen=True)
class Unfairness:
    """One gap between the groups of one attribute; `absolute`: group losses are absolute errors, else squared ones."""

    metric: str
    attribute: str
    favourable: Favourable
    minimum_group_size: int
    absolute: bool = False

    @property
    def title(self) -> str:
        """The number in words."""
        return f"{self.metric.replace('_', ' ')} of {self.attribute}"

    def counted(
        self,
        labels: npt.NDArray[Any],
        scores: npt.NDArray[np.float64],
        decisions: npt.NDArray[np.int8] | None,
        groups: Sequence[str],
    ) -> Counted:
        """Count the measured rows of one fold."""
        if decisions is None:
            apart = labels - scores
            return moments_by_group({LOSS: np.abs(apart) if self.absolute else apart**2}, groups)
        return count(labels, decisions, groups)

    def value(self, folds: Sequence[Counted]) -> float:
        """Return the unfairness over the rows of some folds together.

        Raises
        ------
        UndefinedLossError
            Fewer than two groups are large enough, or a group lacks the rows that a rate is a share of.
        """
        whole: Any = reduce(lambda one, other: one.merge(other), folds)  # type: ignore[arg-type]
        sizes = whole.n if isinstance(whole, Moments) else whole.sizes
        judged = [
            name
            for name, size in zip(whole.groups, sizes, strict=True)
            if size >= self.minimum_group_size and not is_unknown_group(name)
        ]
        if isinstance(whole, Moments):
            return self._largest_loss(whole, judged)
        return self._largest_gap(whole.select(judged))

    def _largest_loss(self, whole: Moments, judged: Sequence[str]) -> float:
        if not judged:
            raise UndefinedLossError(f"no group of {self.attribute} has {self.minimum_group_size} measured rows")
        return float(whole.select(judged).mean(LOSS).max())

    def _largest_gap(self, judged: CountTable) -> float:
        found = comparison_shares(self.metric, judged, self.favourable)
        if found is None:
            rates = COMPARED_RATES[self.metric.removesuffix("_difference")]
            reason = why_undefined("gap", rates, judged, self.favourable)
            raise UndefinedLossError(f"{self.metric} of {self.attribute} is undefined: {reason}")
        return max(float(np.ptp(shares.rates)) for shares in found[1])


def unfairness_of(tuning: ModelTuning, schema: ProcessedSchema, minimum_group_size: int) -> Unfairness | None:
    """Return what `model_tuning.unfairness` asks for, None where it asks for nothing.

    Raises
    ------
    ParameterError
        The metric does not fit the label, or the data set has no such attribute.
    """
    wanted = tuning.unfairness
    if not wanted.metric:
        return None
    _require_fitting(wanted.metric, schema.task)
    attributes = [attribute.name for attribute in schema.attributes]
    if wanted.attribute not in attributes:
        raise ParameterError(
            f"model_tuning.unfairness.attribute: the data set {schema.dataset} has no sensitive attribute "
            f"'{wanted.attribute}'{hinted(wanted.attribute, attributes)} Name one of its attributes."
        )
    return Unfairness(
        wanted.metric, wanted.attribute, schema.favourable, minimum_group_size, tuning.metric == "mean_absolute_error"
    )


def _require_fitting(metric: str, task: Task) -> None:
    numeric = metric == LARGEST_GROUP_LOSS
    if numeric == (task == CLASSIFICATION):
        kind = "a label of two classes" if task == CLASSIFICATION else "a numeric label"
        fitting = "one of the differences of rates" if task == CLASSIFICATION else LARGEST_GROUP_LOSS
        raise ParameterError(f"model_tuning.unfairness.metric: {metric} does not fit {kind}. Choose {fitting}.")
