"""Scoring shadows in the keeper: what was answered is scored again, and goes into a journal of the keeper's own."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from apps.ml.deployment.server.served_entries import ServedEntries
from apps.ml.deployment.traffic.plan import read_plan
from apps.ml.deployment.traffic.shadowing import shadowing
from apps.ml.deployment.versions.serving_policy import serving_policy
from apps.ml.deployment.versions.watch import NUDGE_FILE, refresh_seconds
from apps.ml.prediction_log.journal import Journal
from apps.ml.prediction_log.state_folder import journal_root
from apps.ml.prediction_log.writer import OnAnswers


@contextmanager
def shadows_of(plan_file: Path, state: Path, allow: Sequence[str] | None) -> Iterator[OnAnswers | None]:
    """Score the shadows of a plan as long as this lasts; yields whom to tell of answers, None without shadows.

    Raises
    ------
    BadInputError
        The plan cannot be read, or `allow` names what cannot be allowed.
    """
    plan = read_plan(plan_file)
    if not plan.shadows:
        yield None
        return
    journal = Journal(journal_root(state) / f"shadows-{os.getpid()}")
    policy, nudge_file = serving_policy(allow), state / NUDGE_FILE
    try:
        served = ServedEntries(journal)
        with shadowing(plan, policy, journal.append, served, refresh_seconds(), nudge_file) as on_answers:
            yield on_answers
    finally:
        journal.close()
