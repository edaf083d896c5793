"""What is declared of one mitigation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from apps.ml.data.processed import CLASSIFICATION, Task
from apps.ml.models.mitigation.request import Mitigated, MitigationRequest
from apps.ml.parameters import Constraint

ALL_CONSTRAINTS: tuple[Constraint, ...] = ("equalized_odds", "equal_opportunity", "demographic_parity")


@dataclass(frozen=True)
class MitigationEntry:
    """One mitigation.

    Parameters
    ----------
    title
        What people call it.
    stage
        Whether it works `before`, `during` or `after` the fit.
    apply
        Does it.
    needs_sensitive_at_prediction
        Decisions need the person's group.
    randomised
        Decisions depend on a draw.
    estimates_sensitive
        Decisions use what the features tell of the group.
    needs_weights
        The estimator must take weights of rows.
    constraints
        What it can make equal; empty: it has no choice of its own.
    tasks
        Kinds of labels.
    estimators
        The estimators that it works with; empty: every one.
    """

    title: str
    stage: Literal["before", "during", "after"]
    apply: Callable[[MitigationRequest], Mitigated]
    needs_sensitive_at_prediction: bool = False
    randomised: bool = False
    estimates_sensitive: bool = False
    needs_weights: bool = False
    constraints: tuple[Constraint, ...] = ()
    tasks: tuple[Task, ...] = (CLASSIFICATION,)
    estimators: tuple[str, ...] = ()
