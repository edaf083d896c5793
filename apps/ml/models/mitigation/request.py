"""What a mitigation is asked to do, and what it gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.data.processed import Task
from apps.ml.models.fitting import Fitted, Report, Rows
from apps.ml.models.group_input import GroupInput
from apps.ml.models.parts.part import Adjustment
from apps.ml.parameters import Mitigation

Codes = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MitigationRequest:
    """Rows, groups and the configured estimator.

    `options`: the section of the chosen method, None where it has none. `group`: the attribute and its groups;
    `train_codes` and `validation_codes`: int64 [n], positions in `group.groups`, -1 where a person's group is unknown:
    such rows are used for fitting and belong to no comparison. `fit` fits the configured estimator, calibration and
    monotone directions included, on other rows; its second argument is watched by early stopping. `score`: fitted
    estimator and X → float64 [n]. `threshold`: applies the configured rule to labels and scores.
    """

    parameters: Mitigation
    options: Any
    task: Task
    group: GroupInput
    train: Rows
    train_codes: Codes
    validation: Rows
    validation_codes: Codes
    seed: int
    fit: Callable[[Rows, Rows], Fitted]
    score: Callable[[Any, Numbers], Numbers]
    threshold: Callable[[npt.NDArray[np.int8], Numbers], float]
    report: Report


@dataclass(frozen=True)
class Mitigated:
    """A fitted estimator, and where there is one the adjustment between its scores and decisions.

    `threshold` None: the configured rule picks one over the decision scores of validation rows. `found`: JSON-ready
    facts for the evidence (multipliers, thresholds, fits, what was chosen on which rows).
    """

    estimator: Any
    rounds: int | None = None
    converged: bool = True
    adjustment: Adjustment | None = None
    threshold: float | None = None
    found: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(fitted: Fitted, **found: Any) -> "Mitigated":
        """A fitted estimator as it is."""
        return Mitigated(fitted.estimator, fitted.rounds, fitted.converged, found=found)
