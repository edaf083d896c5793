"""Models of the group: how likely somebody with these features would be of a group, if the label were 0 or 1.

Boosted trees (LightGBM) over the encoded features and the label. They are stored with the model and asked at each
decision; nothing else that is stored tells of groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.models.mitigation.cross_fitting import HeldOut, splits
from apps.ml.models.mitigation.gaps import Bits
from apps.ml.models.mitigation.request import Numbers
from apps.ml.models.parts.blind_adjustment import membership_of
from apps.ml.models.parts.boosted_trees import BoostedTrees

ROUNDS = 300
STOP_AFTER = 50
PARAMETERS = {
    "objective": "binary",
    "metric": "binary_logloss",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.8,
    "lambda_l2": 1.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
"""Fixed. Smaller trees than those of a model that decides: what counts is a probability that is not too sure."""

Members = tuple[BoostedTrees, ...]


def fitted_members(train: HeldOut, validation: HeldOut, groups: int, seed: int) -> Members:
    """Fit models of groups numbered from 0; early stopping watches the validation rows.

    Returns
    -------
    tuple of BoostedTrees
        One model of group 1 for two groups, one model per group for more.
    """
    return tuple(_fitted(train, train.codes == group, ROUNDS, seed, validation, group) for group in _modelled(groups))


@dataclass(frozen=True)
class Membership:
    """Probabilities of groups by models that had not seen the rows, each float64 [2, n, groups]: given label 0 and 1.

    `training` by models of other folds, `validation` by the model that is kept, `siblings` [folds, 2, n, groups] those
    of the validation rows by the model of each fold.
    """

    training: Numbers
    validation: Numbers
    siblings: Numbers

    @property
    def rows(self) -> Numbers:
        """All rows, training rows first."""
        return np.concatenate([self.training, self.validation], axis=1)


def cross_fit_membership(train: HeldOut, validation: HeldOut, members: Members, groups: int, seed: int) -> Membership:
    """Score the rows; the models of folds grow as many rounds as the one that is kept. `train` may be empty."""
    whole, siblings = np.empty((2, len(train), groups)), []
    for seen, unseen in splits(train.fold):
        own = _at(train, seen)
        parts = tuple(
            _fitted(own, own.codes == group, member.rounds, seed)
            for group, member in zip(_modelled(groups), members, strict=True)
        )
        whole[:, unseen] = membership_of(parts, train.X[unseen])
        siblings.append(membership_of(parts, validation.X))
    found = np.array(siblings).reshape(-1, 2, len(validation), groups)
    return Membership(whole, membership_of(members, validation.X), found)


def _modelled(groups: int) -> Sequence[int]:
    return (1,) if groups == 2 else range(groups)


def _fitted(
    rows: HeldOut,
    belongs: npt.NDArray[np.bool_],
    rounds: int,
    seed: int,
    watched: HeldOut | None = None,
    group: int = 0,
) -> BoostedTrees:
    import lightgbm

    parameters: dict[str, Any] = {**PARAMETERS, "seed": seed % 2**31}
    data = _data(rows.X, rows.labels, belongs, parameters)
    if watched is None:
        return BoostedTrees(lightgbm.train(parameters, data, rounds).model_to_string(num_iteration=rounds))
    valid = _data(watched.X, watched.labels, watched.codes == group, parameters, data)
    stopping = lightgbm.early_stopping(STOP_AFTER, verbose=False)
    booster = lightgbm.train(parameters, data, rounds, valid_sets=[valid], callbacks=[stopping])
    return BoostedTrees(booster.model_to_string(num_iteration=booster.best_iteration))


def _data(
    X: Numbers, labels: Bits, belongs: npt.NDArray[np.bool_], parameters: dict[str, Any], reference: Any = None
) -> Any:
    import lightgbm

    labelled = np.column_stack([X, labels.astype(np.float64)])
    return lightgbm.Dataset(labelled, belongs.astype(np.int8), reference=reference, params=parameters)


def _at(rows: HeldOut, positions: npt.NDArray[np.intp]) -> HeldOut:
    chosen = np.zeros(len(rows), dtype=np.bool_)
    chosen[positions] = True
    return rows.only(chosen)
