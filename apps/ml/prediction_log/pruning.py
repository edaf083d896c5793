"""Retention: removing answers that are older than they may be kept."""

import time
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Engine, delete, exists, select

from apps.ml.prediction_log.database import writing
from apps.ml.prediction_log.tables import calls, erasures, outcomes, sensitive_values

CALLS_AT_ONCE = 1000


@dataclass(frozen=True)
class Pruned:
    """How much was removed."""

    calls: int = 0
    predictions: int = 0
    outcomes: int = 0


def prune(engine: Engine, older_than: timedelta, keep_outcomes: bool = False) -> Pruned:
    """Remove calls that were answered longer ago, their sensitive values and their labels.

    Labels without a call go by the time of their report, tombstones by the time of the erasure. It is done in many
    short transactions, so that the writer goes on meanwhile.

    Parameters
    ----------
    keep_outcomes
        Keep the labels; they then belong to no prediction.
    """
    before = time.time_ns() // 1000 - round(older_than.total_seconds() * 1_000_000)
    total = Pruned()
    while (some := _prune_some(engine, before, keep_outcomes)).calls:
        total = Pruned(total.calls + some.calls, total.predictions + some.predictions, total.outcomes + some.outcomes)
    with writing(engine) as connection:
        connection.execute(delete(erasures).where(erasures.c.erased_at < before))
        alone = 0 if keep_outcomes else connection.execute(delete(outcomes).where(*_alone(before))).rowcount
    return Pruned(total.calls, total.predictions, total.outcomes + alone)


def _prune_some(engine: Engine, before: int, keep_outcomes: bool) -> Pruned:
    with writing(engine) as connection:
        old = select(calls.c.call, calls.c.row_count).where(calls.c.answered_at < before).limit(CALLS_AT_ONCE)
        found = connection.execute(old).all()
        names = [call.call for call in found]
        connection.execute(delete(sensitive_values).where(sensitive_values.c.call.in_(names)))
        labels = 0 if keep_outcomes else connection.execute(delete(outcomes).where(outcomes.c.call.in_(names))).rowcount
        connection.execute(delete(calls).where(calls.c.call.in_(names)))
    return Pruned(len(found), sum(call.row_count for call in found), labels)


def _alone(before: int) -> tuple[ColumnElement[bool], ...]:
    return outcomes.c.reported_at < before, ~exists().where(calls.c.call == outcomes.c.call)
