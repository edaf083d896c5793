"""All of a process that scores shadows: loading, watching, queue, and their end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from apps.ml.deployment.traffic.plan import TrafficPlan, shadow_sources
from apps.ml.deployment.traffic.shadow import AnsweredCall, ShadowScorer
from apps.ml.deployment.traffic.shadow_queue import ShadowQueue
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.deployment.versions.watch import Watcher
from apps.ml.prediction_log.entries import AnswerEntry, ColumnEntry, Entry

OnAnswers = Callable[[Sequence[tuple[AnswerEntry, Sequence[ColumnEntry]]]], None]
"""Told of answered calls, each beside the columns of the version that answered it; returns at once."""


@contextmanager
def shadowing(
    plan: TrafficPlan,
    policy: ServingPolicy,
    append: Callable[[Entry], None],
    on_served: Callable[[ServedModel], None],
    refresh_seconds: float,
    nudge: Path | None = None,
) -> Iterator[OnAnswers]:
    """Score the shadows of a plan as long as this lasts; yields whom to tell of answered calls.

    What waits at the end is scored within ten seconds, and the rest is dropped.

    Parameters
    ----------
    append
        Writes an entry down: the journal of this process.
    on_served
        Writes down which version begins to score, before its first entry.
    refresh_seconds, nudge
        How aliases of shadows are followed, see :class:`~apps.ml.deployment.versions.watch.Watcher`.
    """
    if not plan.shadows:
        yield lambda _: None
        return
    scorer = ShadowScorer(shadow_sources(plan, policy), on_served)
    queue, watcher = ShadowQueue(scorer, append), Watcher(scorer.shelf, refresh_seconds, nudge)
    scorer.shelf.fill_in_background()
    watcher.start()
    queue.start()
    try:
        yield lambda answers: queue.put([AnsweredCall(entry, columns) for entry, columns in answers])
    finally:
        queue.stop()
        watcher.stop()
