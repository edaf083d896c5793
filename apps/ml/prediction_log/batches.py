"""From entries of a journal to rows of the tables."""

import math
import struct
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from apps.ml.prediction_log.entries import AnswerEntry, ColumnEntry, Entry, OutcomeEntry, VersionEntry, decoded
from apps.ml.prediction_log.identifiers import call_and_row
from apps.ml.prediction_log.layouts import InputsError, Layout, columns_json
from apps.ml.prediction_log.tables import CALL_BYTES

UNREADABLE = "unreadable"
UNKNOWN_VERSION = "unknown version"
MISFIT = "misfit"
REFUSED = "refused by the database"
TORN = "torn"
"""Why an entry cannot be stored; `torn` counts places of a journal where a process or machine died."""

LARGEST = 2**63
FLOAT_BYTES = 8
Row = dict[str, Any]
_ENCODER = msgspec.json.Encoder()


@dataclass(slots=True)
class Batch:
    """Rows per table, and how many entries were rejected for what."""

    versions: list[Row] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)
    sensitive: list[Row] = field(default_factory=list)
    outcomes: list[Row] = field(default_factory=list)
    answered: list[tuple[AnswerEntry, tuple[ColumnEntry, ...]]] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)


class Sorter:
    """Turns payloads into the rows of a batch; knows the layouts of versions that it has met."""

    def __init__(self) -> None:
        self._layouts: dict[str, Layout] = {}

    def batch(self, payloads: Iterable[bytes], stored_layout: Callable[[str], Layout | None]) -> Batch:
        """Return the rows of entries in their order; what cannot be stored is counted.

        `stored_layout` looks up a version that is in the database already.
        """
        batch = Batch()
        for payload in payloads:
            try:
                self._add(decoded(payload), batch, stored_layout)
            except InputsError:
                batch.rejected[MISFIT] += 1
            except (ValueError, OverflowError):
                batch.rejected[UNREADABLE] += 1
        return batch

    def _add(self, entry: Entry, batch: Batch, stored_layout: Callable[[str], Layout | None]) -> None:
        if not 0 <= entry.at < LARGEST:
            raise ValueError("a moment is out of range")
        if isinstance(entry, OutcomeEntry):
            batch.outcomes.append(_outcome(entry))
        elif isinstance(entry, VersionEntry):
            self._layouts[entry.bundle] = Layout(entry.columns)
            batch.versions.append(_version(entry))
        else:
            layout = self._layouts.get(entry.bundle) or stored_layout(entry.bundle)
            if layout is None:
                batch.rejected[UNKNOWN_VERSION] += 1
                return
            self._layouts[entry.bundle] = layout
            _add_call(entry, layout, batch)
            batch.answered.append((entry, layout.columns))


def _version(entry: VersionEntry) -> Row:
    return {
        "bundle": _text(entry.bundle),
        "model": _text(entry.model),
        "version": _text(entry.version),
        "address": _text(entry.address),
        "evidence": _text(entry.evidence),
        "threshold": entry.threshold,
        "scorer": _text(entry.scorer),
        "columns": columns_json(entry.columns),
        "first_served_at": entry.at,
        "last_served_at": entry.at,
    }


def _add_call(entry: AnswerEntry, layout: Layout, batch: Batch) -> None:
    rows, inputs, sensitive = layout.split(entry.form, entry.inputs)
    if len(entry.scores) != rows * FLOAT_BYTES or len(entry.call) != CALL_BYTES:
        raise InputsError("the scores are not as many as the rows")
    if entry.decisions is not None and len(entry.decisions) != rows:
        raise InputsError("the decisions are not as many as the rows")
    scores = struct.unpack(f"<{rows}d", entry.scores)
    decisions = None if entry.decisions is None else struct.unpack(f"{rows}b", entry.decisions)
    batch.calls.append(
        {
            "call": entry.call,
            "answered_at": entry.at,
            "bundle": entry.bundle,
            "arm": _text(entry.arm),
            "route": _text(entry.route),
            "key_name": _text(entry.key),
            "subject": _text(entry.subject),
            "request": _text(entry.request),
            "row_count": rows,
            "inputs": inputs,
            "scores": _ENCODER.encode(scores).decode(),
            "decisions": None if decisions is None else _ENCODER.encode(decisions).decode(),
            "erased_at": None,
        }
    )
    for name, values in sensitive:
        batch.sensitive.append({"call": entry.call, "column_name": name, "column_values": values})


def _outcome(entry: OutcomeEntry) -> Row:
    if not math.isfinite(entry.label):
        raise ValueError("a label is no number")
    call, row = call_and_row(entry.prediction)
    return {
        "call": call,
        "row_index": row,
        "label": entry.label,
        "reported_at": entry.at,
        "observed_at": entry.observed,
        "source": _text(entry.source),
        "key_name": _text(entry.key),
    }


def _text(value: str | None) -> Any:
    """PostgreSQL stores no NUL in texts; nothing that we name holds one."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if value and "\0" in value else value
