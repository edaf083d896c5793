"""Shadows: versions that score what others answered. Nobody gets their answers, and nobody waits for them.

They run where the journals are moved into the database, never in a process that answers.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from apps.ml.deployment.observation.logs import LOGGER
from apps.ml.deployment.traffic.shadow_inputs import inputs_for, records_of
from apps.ml.deployment.versions.kept_versions import KeptVersions
from apps.ml.deployment.versions.model_source import ModelSource
from apps.ml.deployment.versions.served_model import ServedModel
from apps.ml.deployment.versions.shelf import Shelf
from apps.ml.features.request_frame import frame_from_records
from apps.ml.prediction_log.entries import AnswerEntry, ColumnEntry
from apps.ml.prediction_log.identifiers import (
    RANDOM_BITS,
    RANDOM_LOW_BITS,
    ROW_BITS,
    VARIANT,
    VERSION_7,
    prediction_ids,
)
from apps.ml.prediction_log.shadows import SHADOW

NOT_LOADED = "not loaded"
OTHER_COLUMNS = "needs columns that the answering version lacks"
FAILED = "scoring failed"


@dataclass(frozen=True)
class AnsweredCall:
    """A call that was answered, and the columns of the version that answered, in their order."""

    entry: AnswerEntry
    columns: Sequence[ColumnEntry]


class ShadowScorer:
    """Scores answered calls by every shadow. To be used by one thread at a time, beside one that refreshes `shelf`.

    Parameters
    ----------
    sources
        Name → source of each shadow; at least one.
    on_served
        Told of every version that begins to score, before its first entry.
    """

    def __init__(
        self, sources: Mapping[str, ModelSource], on_served: Callable[[ServedModel], None] = lambda _: None
    ) -> None:
        self.shelf = Shelf(list(sources.values()), on_served, KeptVersions(most=0))
        self._names = list(sources)
        self._failures: Counter[tuple[str, str]] = Counter()

    @property
    def failures(self) -> Mapping[tuple[str, str], int]:
        """Calls that a shadow did not score, by its name and the reason."""
        return dict(self._failures)

    def entries_for(self, answered: Sequence[AnsweredCall]) -> list[AnswerEntry]:
        """Return the entries of all shadows for many calls, scored together. Never raises; failures are counted.

        An entry has the inputs, the moment, the route and the subject of the call that was answered, `arm`
        `shadow:<name>`, the name of the answered call as `request`, and a name of its own, which is the same whenever
        the same call is scored again by the same shadow. Entries of shadows are not scored themselves.
        """
        calls = [call for call in answered if not (call.entry.arm or "").startswith(SHADOW)]
        entries: list[AnswerEntry] = []
        for name, slot in zip(self._names, self.shelf.slots, strict=True):
            model = slot.model
            if model is None:
                self._count(name, NOT_LOADED, len(calls))
            else:
                entries += self._entries(name, model, calls)
        return entries

    def _entries(self, name: str, model: ServedModel, calls: Sequence[AnsweredCall]) -> list[AnswerEntry]:
        needed = {column.name for column in model.bundle.info.columns}
        fitting = [call for call in calls if needed <= {column.name for column in call.columns}]
        self._count(name, OTHER_COLUMNS, len(calls) - len(fitting))
        return self._scored(name, model, fitting)

    def _scored(self, name: str, model: ServedModel, calls: Sequence[AnsweredCall]) -> list[AnswerEntry]:
        """Score calls together; where that fails, each half by itself, so that one bad call spoils no other."""
        if not calls:
            return []
        try:
            return _scored_together(name, model, calls)
        except Exception as error:  # noqa: BLE001 - a shadow may fail in any way, and the log goes on
            if len(calls) == 1:
                self._count(name, FAILED, 1, type(error).__name__)
                return []
        middle = len(calls) // 2
        return self._scored(name, model, calls[:middle]) + self._scored(name, model, calls[middle:])

    def _count(self, name: str, reason: str, calls: int, kind: str | None = None) -> None:
        if not calls:
            return
        if (name, reason) not in self._failures:
            LOGGER.warning("shadow_failed", shadow=name, reason=reason, kind=kind)
        self._failures[name, reason] += calls


def shadow_call(call: bytes, name: str) -> bytes:
    """Return the name of a shadow's call: the time of the answered call, and 58 bits of sha256(call, shadow's name)."""
    digest = hashlib.sha256(call + name.encode()).digest()
    random = int.from_bytes(digest[:8], "big") >> (64 - RANDOM_BITS)
    high, low = random >> RANDOM_LOW_BITS, random & ((1 << RANDOM_LOW_BITS) - 1)
    instant = int.from_bytes(call[:6], "big")
    return ((instant << 80) | VERSION_7 | (high << 64) | VARIANT | (low << ROW_BITS)).to_bytes(16, "big")


def _scored_together(name: str, model: ServedModel, calls: Sequence[AnsweredCall]) -> list[AnswerEntry]:
    columns = model.bundle.info.columns
    names = [column.name for column in columns]
    records = [records_of(call.entry, call.columns, names) for call in calls]
    frame = frame_from_records([record for rows in records for record in rows], columns)
    answers = model.scorer.answers(frame)
    scores = np.ascontiguousarray(answers.scores, dtype="<f8")
    decisions = None if answers.decisions is None else np.ascontiguousarray(answers.decisions, dtype=np.int8)
    entries, start = [], 0
    for call, rows in zip(calls, records, strict=True):
        stop = start + len(rows)
        entries.append(
            msgspec.structs.replace(
                call.entry,
                call=shadow_call(call.entry.call, name),
                bundle=model.bundle_digest,
                arm=SHADOW + name,
                request=prediction_ids(call.entry.call, 1)[0],
                inputs=inputs_for(call.entry, call.columns, names),
                scores=scores[start:stop].tobytes(),
                decisions=None if decisions is None else decisions[start:stop].tobytes(),
            )
        )
        start = stop
    return entries
