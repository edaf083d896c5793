"""How much of the differences between trials each option explains, with the spread over repetitions.

Every repetition looks at another four fifths of the completed trials, so that the spread shows what a few other trials
would have changed. The measure is fANOVA's: the share of the variance of a random forest's predictions that one option
explains by itself.

References
----------
Hutter, Hoos and Leyton-Brown (2014), An efficient approach for assessing hyperparameter importance, ICML.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.ml.experiments.tuning.overrides import Searched
from apps.ml.experiments.tuning.records import TrialRecord
from apps.ml.parameters.search import Choice

FEWEST_TRIALS = 10
"""Of the same estimator, completed; below, an importance says nothing."""

REPETITIONS = 10
PART = 0.8


@dataclass(frozen=True)
class Importance:
    """Option → (mean, lowest, highest) share over repetitions, the largest first; empty with the reason why."""

    estimator: str
    trials: int
    shares: Mapping[str, tuple[float, float, float]]
    undefined: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        shares = {
            name: {"mean": mean, "lowest": low, "highest": high} for name, (mean, low, high) in self.shares.items()
        }
        reason = {"undefined": self.undefined} if self.undefined else {}
        return {"estimator": self.estimator, "trials": self.trials, "shares": shares, **reason}


def option_importance(
    records: Sequence[TrialRecord], estimator: str, searched: Sequence[Searched], seed: int
) -> Importance:
    """Measure the importance of an estimator's options for the loss."""
    used = [record for record in records if record.state == "complete" and record.estimator == estimator]
    if len(used) < FEWEST_TRIALS:
        reason = f"{len(used)} trials of {estimator} were trained to the end; at least {FEWEST_TRIALS} are needed"
        return Importance(estimator, len(used), {}, reason)
    if len(searched) < 2 or len({record.loss for record in used}) < 2:
        reason = "only one option was searched" if len(searched) < 2 else "all trials have the same loss"
        return Importance(estimator, len(used), {}, reason)
    draws = np.random.default_rng(seed)
    count = max(FEWEST_TRIALS - 2, round(PART * len(used)))
    found: dict[str, list[float]] = {each.option: [] for each in searched}
    for repetition in range(REPETITIONS):
        places = np.sort(draws.permutation(len(used))[:count]).tolist()
        for name, share in _shares([used[place] for place in places], searched, seed + repetition).items():
            found[name].append(share)
    spread = {
        name: (float(np.mean(values)), float(min(values)), float(max(values)))
        for name, values in found.items()
        if values
    }
    return Importance(estimator, len(used), dict(sorted(spread.items(), key=lambda item: (-item[1][0], item[0]))))


def _shares(records: Sequence[TrialRecord], searched: Sequence[Searched], seed: int) -> dict[str, float]:
    import optuna

    distributions = {each.option: _distribution(each) for each in searched}
    study = optuna.create_study(direction="minimize")
    study.add_trials(
        [
            optuna.trial.create_trial(params=dict(record.options), distributions=distributions, value=record.loss)
            for record in records
        ]
    )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed % 2**32)
    return {
        name: float(share)
        for name, share in optuna.importance.get_param_importances(study, evaluator=evaluator).items()
    }


def _distribution(searched: Searched) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    dimension = searched.dimension
    if isinstance(dimension, Choice):
        return CategoricalDistribution(dimension.values)
    if searched.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
