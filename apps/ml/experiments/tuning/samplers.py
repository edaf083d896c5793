"""Who suggests and who gives up: Optuna's samplers and pruners, set so that trial n depends on the seed and on n.

Every setting is written out, for Optuna's defaults change between versions.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

from apps.ml.experiments.tuning.problem import TuningProblem

STARTUP_TRIALS = 10
"""Trials that TPE draws at random before it looks at results."""

POPULATION = 12
"""Of NSGA-II: small, so that a few dozen trials are several generations."""


class PerTrialSampler(BaseSampler):
    """Lets trial n draw from a generator of its own, seeded by (seed, n).

    A study that is interrupted and continued then suggests what an unbroken one suggests; an own generator of the whole
    process would suggest its first trials once more.
    """

    def __init__(self, make: Callable[[int], BaseSampler], seed: int) -> None:
        self._make, self._seed = make, seed
        self._number: int | None = None
        self._inner = make(seed % 2**32)

    def _of(self, trial: Any) -> BaseSampler:
        if trial.number != self._number:
            self._number = trial.number
            self._inner = self._make(int(np.random.SeedSequence([self._seed, trial.number]).generate_state(1)[0]))
        return self._inner

    def before_trial(self, study: Any, trial: Any) -> None:
        """See Optuna."""
        self._of(trial).before_trial(study, trial)

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        """See Optuna."""
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        """See Optuna."""
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        """See Optuna."""
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        """See Optuna."""
        self._of(trial).after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Draws are seeded trial by trial: nothing to do."""


class HyperbandForAll(BasePruner):
    """Hyperband whose sampler learns from all trials.

    Optuna shows the sampler only those trials that are in the bracket of the next one; with a few dozen trials in
    several brackets, TPE then hardly gets beyond its random beginning.
    """

    def __init__(self, hyperband: HyperbandPruner) -> None:
        self._hyperband = hyperband

    def prune(self, study: Any, trial: Any) -> bool:
        """See Optuna."""
        return self._hyperband.prune(study, trial)


def sampler_for(problem: TuningProblem, workers: int) -> BaseSampler:
    """Return the sampler that `model_tuning.sampler` names; a grid's points are handed out one by one elsewhere.

    Several workers make TPE keep away from what the others are trying.
    """
    several_workers = workers > 1
    makers: dict[str, Callable[[int], BaseSampler]] = {
        "tpe": lambda seed: _tpe(seed, problem.space.several, several_workers),
        "random": lambda seed: RandomSampler(seed=seed),
        "grid": lambda seed: RandomSampler(seed=seed),
        "nsga2": lambda seed: NSGAIISampler(population_size=POPULATION, seed=seed),
    }
    return PerTrialSampler(makers[problem.tuning.sampler], problem.tuning.seed)


def pruner_for(problem: TuningProblem) -> BasePruner:
    """Return the pruner that `model_tuning.pruner` names, in steps of the ladder."""
    factor = problem.tuning.resource.reduction_factor
    if not problem.prunes or problem.levels < 2:
        return NopPruner()
    if problem.tuning.pruner == "successive_halving":
        return SuccessiveHalvingPruner(min_resource=1, reduction_factor=factor)
    # One more than the power, so that the rounding of a logarithm loses no bracket; nothing is pruned at the top.
    return HyperbandForAll(HyperbandPruner(1, factor ** (problem.levels - 1) + 1, factor))


def _tpe(seed: int, grouped: bool, several_workers: bool) -> BaseSampler:
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(
            n_startup_trials=STARTUP_TRIALS,
            multivariate=True,
            group=grouped,
            constant_liar=several_workers,
            seed=seed,
        )
