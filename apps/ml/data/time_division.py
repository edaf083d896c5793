"""Division by time: the past trains, the newest rows test, equal times stay together."""

import numpy as np
import numpy.typing as npt
import pandas as pd

Positions = npt.NDArray[np.int64]


def divided_by_time(keys: pd.Series, test_rows: int, validation_rows: int) -> dict[str, Positions]:
    """Cut the rows, ordered by time, at the two moments that come nearest to the wanted numbers of rows.

    Parameters
    ----------
    keys: [n] moments or numbers, none missing, at least three different.
    """
    order = np.argsort(keys.to_numpy(), kind="stable").astype(np.int64)
    moments = keys.to_numpy()[order]
    boundaries = np.flatnonzero(moments[1:] != moments[:-1]) + 1
    rows = len(order)
    first, second = _cuts(boundaries, rows - test_rows - validation_rows, rows - test_rows)
    return {"train": order[:first], "validation": order[first:second], "test": order[second:]}


def _cuts(boundaries: npt.NDArray[np.int64], wanted_first: int, wanted_second: int) -> tuple[int, int]:
    """Return two different boundaries, ascending, that miss the wanted cuts by the fewest rows together."""
    first, second = _nearest(boundaries, wanted_first), _nearest(boundaries, wanted_second)
    if first < second:
        return int(boundaries[first]), int(boundaries[second])
    pairs = [(first - 1, first), (first, first + 1)]
    possible = [(low, high) for low, high in pairs if low >= 0 and high < len(boundaries)]
    low, high = min(
        possible, key=lambda pair: abs(boundaries[pair[0]] - wanted_first) + abs(boundaries[pair[1]] - wanted_second)
    )
    return int(boundaries[low]), int(boundaries[high])


def _nearest(boundaries: npt.NDArray[np.int64], wanted: int) -> int:
    return int(np.argmin(np.abs(boundaries - wanted)))
