"""What is declared of one estimator."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from apps.ml.data.processed import CLASSIFICATION, Task
from apps.ml.models.fitting import Fit, Fitted
from apps.ml.models.growing import Growing

Resource = Literal["rounds", "epochs", "rows"]


@dataclass(frozen=True)
class EstimatorEntry:
    """One estimator.

    Parameters
    ----------
    title
        What people call it.
    fit
        Takes the options (the section of params.yaml under the estimator's name) and a request to fit.
    tasks
        Kinds of labels that it can be fitted to.
    grows_in_rounds
        Early stopping applies.
    resource
        What a budget of tuning buys: `rows` for everything that is fitted at once.
    grow
        Starts a fit that grows step by step in `resource`; None: it is fitted anew on more rows.
    takes_weights, takes_monotone
        Whether rows may weigh differently, and whether scores can be held to directions.
    gives_probabilities
        False: its scores are margins and must be calibrated before they are probabilities.
    exact_contributions
        It explains its scores exactly.
    largest_rows
        Name of the option that limits the training rows, None without a limit.
    stored_types
        The types, beside plain containers and numbers, that its file in a bundle may hold.
    """

    title: str
    fit: Callable[[Any, Fit], Fitted]
    tasks: tuple[Task, ...] = (CLASSIFICATION,)
    grows_in_rounds: bool = False
    resource: Resource = "rows"
    grow: Callable[[Any, Fit], Growing] | None = None
    takes_weights: bool = True
    takes_monotone: bool = False
    gives_probabilities: bool = True
    exact_contributions: bool = False
    largest_rows: str | None = None
    stored_types: tuple[str, ...] = ()
