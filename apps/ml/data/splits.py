"""Division of rows into train, validation and test, and the promises that every division keeps.

- Every row is in exactly one part, every part holds both classes.
- *random*: each class is drawn on its own. Sizes are exact. The draw goes by position: the same rows in another order
  are divided differently, with the same sizes. Test rows are those of scikit-learn's `train_test_split` with the same
  seed and stratification, so that results can be held against published ones on the same rows.
- *given*: test rows are named by the source; validation is drawn from the rest as in *random*.
- *group*: no group lies in two parts; test and validation miss their share by at most the largest group. Groups are
  taken by name, so the order of rows changes nothing.
- *time*: train lies before validation and validation before test; equal times stay together; test and validation miss
  their share by at most the rows of one time. There is no chance in it and the order of rows changes nothing.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.artifact_paths import SPLITS
from apps.ml.data.declaration import Split
from apps.ml.data.group_division import divided_by_group
from apps.ml.data.time_division import divided_by_time
from apps.ml.errors import DataError, Finding

Positions = npt.NDArray[np.int64]
Parts = dict[str, Positions]


def divide(split: Split, labels: npt.NDArray[np.int8], keys: pd.Series | None, seed: int) -> Parts:
    """Return the positions of each part's rows, ascending.

    Parameters
    ----------
    labels: int8 [n] of 0 and 1.
    keys: [n] what the split looks at: part of the source (`given`), group (`group`), moment or number (`time`); None
        for `random`.
    seed: of the random draws.

    Returns
    -------
    train, validation and test → int64 positions; disjoint, together 0 … n - 1.

    Raises
    ------
    DataError
        The rows cannot be divided as declared; every reason is listed.
    """
    _require_keys(split, keys)
    parts = _divided(split, labels, keys, seed)
    ordered = {name: np.sort(parts[name]) for name in SPLITS}
    findings = broken_promises(split, ordered, labels, keys)
    if findings:
        raise DataError(
            "the rows cannot be divided as declared; choose other shares, another split or more rows:", findings
        )
    return ordered


def broken_promises(
    split: Split, parts: Mapping[str, Positions], labels: npt.NDArray[np.int8], keys: pd.Series | None
) -> tuple[Finding, ...]:
    """Return a finding per promise that a division breaks."""
    together = np.sort(np.concatenate(list(parts.values())))
    if not np.array_equal(together, np.arange(len(labels))):
        return (Finding("split_rows", "the parts do not hold every row exactly once", rows=len(together)),)
    found = [finding for name, positions in parts.items() for finding in _class_findings(name, labels[positions])]
    if split.method == "group" and keys is not None and _shared_values(parts, keys):
        found.append(Finding("split_group", "a group lies in two parts", split.column, _shared_values(parts, keys)))
    if split.method == "time" and keys is not None and not _in_order(parts, keys):
        found.append(Finding("split_time", "a later part does not lie wholly after the one before it", split.column))
    return tuple(found)


def _divided(split: Split, labels: npt.NDArray[np.int8], keys: pd.Series | None, seed: int) -> Parts:
    draws = np.random.default_rng(seed)
    rows = len(labels)
    everything = np.arange(rows, dtype=np.int64)
    if split.method == "given" and keys is not None:
        is_test = keys.isin(split.test_values).to_numpy(dtype=bool)
        rest = everything[~is_test]
        validation = stratified_draw(rest, labels, _part_of(len(rest), split.validation), draws)
        return {"train": np.setdiff1d(rest, validation), "validation": validation, "test": everything[is_test]}
    test_rows, validation_rows = _part_of(rows, split.test or 0.0), _part_of(rows, split.validation)
    if split.method == "group" and keys is not None:
        return divided_by_group(keys, labels, test_rows, validation_rows, draws)
    if split.method == "time" and keys is not None:
        return divided_by_time(keys, test_rows, validation_rows)
    test = _published_draw(labels, test_rows, seed)
    rest = np.setdiff1d(everything, test)
    validation = stratified_draw(rest, labels, validation_rows, draws)
    return {"train": np.setdiff1d(rest, validation), "validation": validation, "test": test}


def _published_draw(labels: npt.NDArray[np.int8], count: int, seed: int) -> Positions:
    """Draw the test rows that scikit-learn draws; rows too few for it are left to the promises that follow."""
    sizes = np.bincount(labels, minlength=2)
    if sizes.min() < 2 or not 2 <= count <= len(labels) - 2:
        return stratified_draw(np.arange(len(labels)), labels, count, np.random.default_rng(seed))
    from sklearn.model_selection import train_test_split

    drawn = train_test_split(np.arange(len(labels)), test_size=count, random_state=seed, stratify=labels)[1]
    return np.asarray(drawn, dtype=np.int64)


def _part_of(rows: int, share: float) -> int:
    """Return the whole number of rows nearest to a share; a half is rounded up."""
    return int(np.floor(rows * share + 0.5))


def stratified_draw(
    positions: Positions, labels: npt.NDArray[np.int8], count: int, draws: np.random.Generator
) -> Positions:
    """Draw `count` of the positions without replacement; each class misses its exact share by less than one row."""
    positive, negative = positions[labels[positions] == 1], positions[labels[positions] == 0]
    of_positive = _part_of(len(positive), count / max(len(positions), 1))
    chosen = (draws.permutation(positive)[:of_positive], draws.permutation(negative)[: count - of_positive])
    return np.concatenate(chosen)


def _require_keys(split: Split, keys: pd.Series | None) -> None:
    found = []
    if split.method in ("group", "time") and keys is not None and keys.isna().any():
        missing = int(keys.isna().sum())
        found.append(Finding("split_missing", f"a {split.method} split needs every value", split.column, missing))
    if split.method == "given" and keys is not None:
        absent = [value for value in split.test_values if not (keys == value).any()]
        where = split.column or "origin of the files"
        found += [Finding("split_value", f"no row has the test value '{value}'", where) for value in absent]
    if split.method in ("group", "time") and keys is not None and keys.nunique() < len(SPLITS):
        expected = f"at least {len(SPLITS)} different values"
        found.append(Finding("split_values", "too few different values to divide by", split.column, expected=expected))
    if found:
        raise DataError("the rows cannot be divided as declared; mend the split or the source:", found)


def _class_findings(name: str, labels: npt.NDArray[np.int8]) -> list[Finding]:
    if not len(labels):
        return [Finding("split_empty", f"the part '{name}' has no rows", expected="rows of both classes in every part")]
    if labels.min() == labels.max():
        what = f"the part '{name}' holds one class only"
        return [Finding("split_one_class", what, rows=len(labels), expected="rows of both classes in every part")]
    return []


def _shared_values(parts: Mapping[str, Positions], keys: pd.Series) -> int:
    part_of_row = np.empty(len(keys), dtype=np.int64)
    for number, positions in enumerate(parts.values()):
        part_of_row[positions] = number
    return int((pd.Series(part_of_row).groupby(keys.to_numpy()).nunique() > 1).sum())


def _in_order(parts: Mapping[str, Positions], keys: pd.Series) -> bool:
    filled = [keys.iloc[parts[name]] for name in SPLITS if len(parts[name])]
    return all(before.max() < after.min() for before, after in pairwise(filled))
