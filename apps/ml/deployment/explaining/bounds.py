"""How many rows one call may have explained, from what they cost on this machine."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.deployment.explaining.asked_rows import values_of
from apps.ml.deployment.explaining.contribution_part import ContributionPart
from apps.ml.deployment.explaining.explainer import Explainer
from apps.ml.deployment.explaining.reason_part import ReasonPart
from apps.ml.deployment.explaining.row_explanation import Wanted
from apps.ml.deployment.explaining.way_part import WayPart
from apps.ml.models.bundle import Answers

CALL_SECONDS = 2.0
"""What explaining the rows of one call may cost; slower rows than that are not explained online."""

MOST_ROWS = 1000
"""Rows that are explained in one call at most, however quick."""

MOST_WAYS = 20
"""Rows that are searched for ways in one call at most."""

MORE_ROWS = 5
"""Rows that tell what one more row costs, beside what every call costs."""

MIXED_ROWS = 64
SEED = 0
TOO_SLOW = "explaining one row takes {seconds:.1f} s here, more than the {limit:g} s that a call may take"
Part = TypeVar("Part", ContributionPart, ReasonPart, WayPart)


def bounded(explainer: Explainer) -> Explainer:
    """Return the explainer with bounds on the rows of a call; parts that take too long for one row become a reason."""
    rows = _tried_rows(explainer)
    decided = explainer.bundle.info.threshold is not None
    bad = 0 if explainer.bundle.info.favourable == "positive" else 1

    def seconds(what: Wanted, count: int) -> float:
        frame = rows.iloc[np.resize(np.arange(len(rows)), count)].reset_index(drop=True)
        decisions = np.full(count, bad, dtype=np.int8) if decided else None
        answers = Answers(explainer.bundle.score(frame), decisions)
        return _seconds(lambda: explainer.explain_frame(frame, answers, what))

    def row_seconds() -> float:
        one = values_of(rows.head(1), explainer.encoding.columns)
        decisions = np.full(1, bad, dtype=np.int8) if decided else None
        answers = Answers(explainer.bundle.score(rows.head(1)), decisions)
        return _seconds(lambda: explainer.explain_rows(one, answers, Wanted()))

    contributing = _cost(seconds, Wanted(True, False))
    reasoning = _cost(seconds, Wanted(False, True))
    searching = _cost(seconds, Wanted(False, False, True))
    usual = [cost for cost in (contributing, reasoning) if cost[0] <= CALL_SECONDS]
    return replace(
        explainer,
        contributions=_if_quick(explainer.contributions, contributing[0]),
        reasons=_if_quick(explainer.reasons, reasoning[0]),
        ways=_if_quick(explainer.ways, searching[0]),
        most_rows=rows_within(sum(first for first, _ in usual), sum(more for _, more in usual), MOST_ROWS),
        most_ways=rows_within(*searching, MOST_WAYS),
        row_seconds=row_seconds(),
    )


def _cost(seconds: Callable[[Wanted, int], float], what: Wanted) -> tuple[float, float]:
    """Return what a call of one row takes, and what one more row adds."""
    first = seconds(what, 1)
    if first > CALL_SECONDS:
        return first, first
    return first, max(0.0, seconds(what, 1 + MORE_ROWS) - first) / MORE_ROWS


def rows_within(first: float, more: float, most: int) -> int:
    """Return how many rows take at most :data:`CALL_SECONDS`, if a call of one takes `first` and each more `more` s."""
    room = max(0.0, CALL_SECONDS - first)
    return most if more * most <= room else 1 + int(room / more)


def _if_quick(part: Part | str, seconds: float) -> Part | str:
    return part if seconds <= CALL_SECONDS else TOO_SLOW.format(seconds=seconds, limit=CALL_SECONDS)


def _seconds(explain: Callable[[], object]) -> float:
    """The lesser of two times, for the first one pays for imports; of something very slow the first alone."""
    times: list[float] = []
    while len(times) < 2 and sum(times) < 5 * CALL_SECONDS:
        start = time.perf_counter()
        explain()
        times.append(time.perf_counter() - start)
    return min(times)


def _tried_rows(explainer: Explainer) -> pd.DataFrame:
    """Rows mixed from reference values that are decided unfavourably, where there are some; else a plain row."""
    if isinstance(explainer.reasons, str):
        return _plain_row(explainer.bundle.info.columns)
    finder, generator = explainer.reasons.finder, np.random.default_rng(SEED)
    mixed = np.column_stack([generator.choice(values, MIXED_ROWS) for values in finder.reference.values])
    bad = np.flatnonzero(~finder.coded.favourable(finder.coded.scores(mixed)))
    return finder.coded.frame(mixed[bad[: 1 + MORE_ROWS]] if len(bad) else mixed[:1])


def _plain_row(columns: tuple[ColumnSchema, ...]) -> pd.DataFrame:
    """A row that fits: the least declared value of numbers, the first category, false."""
    content = {
        column.name: pd.array([column.categories[0] if column.categories else "?"], dtype="str")
        if column.kind == "categorical"
        else np.array([column.minimum or 0.0 if column.kind == "numeric" else 0.0])
        for column in columns
    }
    return pd.DataFrame(content)
