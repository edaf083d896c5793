"""On which rows trials are fitted and measured: divisions of training and validation rows, never of test rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import CLASSIFICATION, ProcessedSplit, Task
from apps.ml.errors import DataError, ParameterError
from apps.ml.experiments.tuning.overrides import hinted
from apps.ml.parameters.tuning import Validation

Positions = npt.NDArray[np.int64]
Method = Literal["holdout", "stratified", "grouped", "time"]

STRATA_OF_NUMBERS = 10
"""Numeric labels are divided alike by tenths."""


@dataclass(frozen=True)
class TuningRows:
    """Training rows, then validation rows, one after the other.

    `features`, `groups`, `held_out`: data frames [n, …]; `labels` [n]; `is_validation`: bool [n]; `split_key`: int64
    [n], rank of the group or moment by which the data set was divided, None where it was divided by neither.
    """

    features: pd.DataFrame
    labels: npt.NDArray[np.int8] | npt.NDArray[np.float64]
    groups: pd.DataFrame
    held_out: pd.DataFrame
    is_validation: npt.NDArray[np.bool_]
    split_key: Positions | None

    def __len__(self) -> int:
        return len(self.labels)

    @staticmethod
    def of(train: ProcessedSplit, validation: ProcessedSplit) -> "TuningRows":
        """Put two splits together."""
        keys = [getattr(split, "split_key", None) for split in (train, validation)]
        both = [key for key in keys if key is not None]
        return TuningRows(
            features=pd.concat([train.features, validation.features], ignore_index=True),
            labels=np.concatenate([train.labels, validation.labels]),
            groups=pd.concat([train.groups, validation.groups], ignore_index=True),
            held_out=pd.concat([train.held_out, validation.held_out], ignore_index=True),
            is_validation=np.repeat([False, True], [len(train), len(validation)]),
            split_key=np.concatenate(both) if len(both) == len(keys) else None,
        )


@dataclass(frozen=True)
class Division:
    """Positions of one fold: what is fitted, what is watched for thresholds and early stopping, what measures.

    The three are disjoint. `watched` is empty where nothing needs it.
    """

    fit: Positions
    watched: Positions
    measured: Positions


def resolved_method(validation: Validation, rows: TuningRows) -> Method:
    """Return the method that `as_split` stands for: the way in which the rows were divided.

    Ranks of moments rise from training to validation rows; groups are mixed.
    """
    if validation.method != "as_split":
        return validation.method
    if rows.split_key is None:
        return "stratified"
    return "time" if _rises(rows) else "grouped"


def divided(rows: TuningRows, validation: Validation, task: Task, watch: bool, seed: int) -> tuple[Division, ...]:
    """Divide the rows as `model_tuning.validation` says.

    Parameters
    ----------
    watch
        Whether a part of each fold's training rows is kept for choosing thresholds and for early stopping: as large a
        part as validation rows are of all.
    seed
        Of the draws; `time` and `holdout` draw nothing but the watched rows.

    Returns
    -------
    tuple of Division
        Every row is measured at most once; with `time`, the rows before the first cut never.

    Raises
    ------
    DataError
        The rows do not allow so many folds, or carry no group or moment to divide by.
    """
    method = resolved_method(validation, rows)
    pairs = _pairs(method, rows, validation, task, seed)
    if not watch:
        nothing = np.empty(0, dtype=np.int64)
        return tuple(Division(fit, nothing, measured) for fit, measured in pairs)
    share = float(rows.is_validation.mean())
    return tuple(
        Division(*_watched(method, rows, fit, share, validation, task, seed), measured) for fit, measured in pairs
    )


def _pairs(
    method: Method, rows: TuningRows, validation: Validation, task: Task, seed: int
) -> list[tuple[Positions, Positions]]:
    if method == "holdout":
        return [(np.flatnonzero(~rows.is_validation), np.flatnonzero(rows.is_validation))]
    if method == "time":
        return _expanding(_required_key(rows, "time"), validation.folds)
    if method == "grouped":
        return _grouped(rows, group_codes_of(rows, validation), validation.folds, task, seed)
    return _stratified(rows.labels, validation.folds, task, seed)


def _stratified(
    labels: npt.NDArray[np.int8] | npt.NDArray[np.float64], folds: int, task: Task, seed: int
) -> list[tuple[Positions, Positions]]:
    from sklearn.model_selection import StratifiedKFold

    strata = strata_of(labels, task)
    rarest = int(np.bincount(strata).min())
    if rarest < folds:
        raise DataError(
            f"model_tuning.validation.folds {folds}: the rarest label has {rarest} rows. Ask for fewer folds, or "
            "choose model_tuning.validation.method holdout."
        )
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32)
    return [_pair(pair) for pair in splitter.split(np.zeros((len(labels), 1)), strata)]


def _grouped(
    rows: TuningRows, codes: Positions, folds: int, task: Task, seed: int
) -> list[tuple[Positions, Positions]]:
    from sklearn.model_selection import StratifiedGroupKFold

    groups = len(np.unique(codes))
    if groups < folds:
        raise DataError(
            f"model_tuning.validation.folds {folds}: there are {groups} groups to keep together. Ask for at most "
            f"{groups} folds, or name another column."
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    return [_pair(pair) for pair in splitter.split(np.zeros((len(rows), 1)), strata_of(rows.labels, task), codes)]


def _expanding(key: Positions, folds: int) -> list[tuple[Positions, Positions]]:
    """Cut the rows, ordered by moment, into folds + 1 parts of nearly equal size; equal moments stay together."""
    order = np.argsort(key, kind="stable").astype(np.int64)
    boundaries = np.flatnonzero(np.diff(key[order])) + 1
    if len(boundaries) < folds:
        raise DataError(
            f"model_tuning.validation.folds {folds}: {len(boundaries) + 1} different moments allow at most "
            f"{len(boundaries)} folds. Ask for fewer."
        )
    cuts: list[int] = []
    for part in range(1, folds + 1):
        wanted = len(order) * part // (folds + 1)
        left = folds - part
        free = [int(at) for at in boundaries if not cuts or at > cuts[-1]]
        possible = free[: len(free) - left] if left else free
        cuts.append(min(possible, key=lambda at: abs(at - wanted)))
    ends = [*cuts[1:], len(order)]
    return [(np.sort(order[:cut]), np.sort(order[cut:end])) for cut, end in zip(cuts, ends, strict=True)]


def _watched(
    method: Method,
    rows: TuningRows,
    fit: Positions,
    share: float,
    validation: Validation,
    task: Task,
    seed: int,
) -> tuple[Positions, Positions]:
    """Set a share of a fold's training rows aside, in the way in which the fold was made."""
    parts = max(2, round(1 / share))
    if method == "time" or (method == "holdout" and rows.split_key is not None and _rises(rows)):
        key = _required_key(rows, "time")[fit]
        order = np.argsort(key, kind="stable")
        boundaries = np.flatnonzero(np.diff(key[order])) + 1
        if not len(boundaries):
            raise DataError(
                "a fold's training rows are all of one moment, so none can be set aside for the threshold. Ask for "
                "fewer folds, or set model_training.threshold.rule to fixed."
            )
        cut = int(min(boundaries, key=lambda at: abs(at - len(fit) * (1 - share))))
        return np.sort(fit[order[:cut]]), np.sort(fit[order[cut:]])
    inside: Callable[[], list[tuple[Positions, Positions]]]
    part = TuningRows(
        rows.features.iloc[fit],
        rows.labels[fit],
        rows.groups.iloc[fit],
        rows.held_out.iloc[fit],
        rows.is_validation[fit],
        None if rows.split_key is None else rows.split_key[fit],
    )
    if method == "grouped" or (method == "holdout" and rows.split_key is not None):
        codes = group_codes_of(rows, validation if method == "grouped" else Validation())[fit]
        inside = lambda: _grouped(part, codes, min(parts, len(np.unique(codes))), task, seed)  # noqa: E731
    else:
        inside = lambda: _stratified(part.labels, parts, task, seed)  # noqa: E731
    kept, aside = inside()[0]
    return fit[kept], fit[aside]


def group_codes_of(rows: TuningRows, validation: Validation) -> Positions:
    """Return int64 [n], the group that is kept together: of the named column, or the split's own.

    Raises
    ------
    ParameterError
        There is no such column.
    DataError
        The column has missing values, or the data set was not divided by group.
    """
    column = validation.column
    if not column:
        return _required_key(rows, "grouped")
    frames = [rows.features, rows.held_out, rows.groups]
    names = [str(name) for frame in frames for name in frame.columns]
    if column not in names:
        raise ParameterError(
            f"model_tuning.validation.column: the rows have no column '{column}'{hinted(column, names)} Name a "
            "feature, a held-out column or a sensitive attribute."
        )
    values = next(frame[column] for frame in frames if column in frame.columns)
    missing = int(values.isna().sum())
    if missing:
        raise DataError(
            f"model_tuning.validation.column: '{column}' is missing in {missing} of {len(rows)} rows, so their group "
            "is not known. Name a column without missing values."
        )
    return np.asarray(pd.factorize(values, sort=True)[0], dtype=np.int64)


def strata_of(labels: npt.NDArray[np.int8] | npt.NDArray[np.float64], task: Task) -> Positions:
    """Return int64 [n], what is divided alike: the class, or the tenth in which a numeric label lies."""
    if task == CLASSIFICATION:
        return np.asarray(labels, dtype=np.int64)
    ranks = np.argsort(np.argsort(labels, kind="stable"), kind="stable")
    return np.asarray(ranks * STRATA_OF_NUMBERS // max(len(labels), 1), dtype=np.int64)


def nested_order(strata: npt.NDArray[np.int64], seed: int) -> Positions:
    """Return an order of rows [n] of which every beginning holds the strata in their shares, to within one row each."""
    draws = np.random.default_rng(seed)
    place = np.empty(len(strata))
    for stratum in np.unique(strata):
        at = np.flatnonzero(strata == stratum)
        place[draws.permutation(at)] = (np.arange(len(at)) + 0.5) / len(at)
    return np.argsort(place, kind="stable").astype(np.int64)


def _pair(pair: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]) -> tuple[Positions, Positions]:
    return pair[0].astype(np.int64), pair[1].astype(np.int64)


def _rises(rows: TuningRows) -> bool:
    assert rows.split_key is not None  # noqa: S101 - asked only where there is one
    return bool(rows.split_key[~rows.is_validation].max() < rows.split_key[rows.is_validation].min())


def _required_key(rows: TuningRows, method: str) -> Positions:
    if rows.split_key is None:
        what = "a moment" if method == "time" else "a group"
        raise DataError(
            f"model_tuning.validation.method {method}: the rows carry no {what[2:]} that the data set was divided by. "
            f"Choose a split of the declaration that divides by {what[2:]} and run `dvc repro`"
            + ("." if method == "time" else ", or name a column under model_tuning.validation.column.")
        )
    return rows.split_key
