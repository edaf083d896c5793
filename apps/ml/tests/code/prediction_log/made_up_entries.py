"""Entries of a version with one sensitive column, and calls that answer two kinds of bodies."""

import json
import struct
import time
from typing import Any

from apps.ml.prediction_log.entries import AnswerEntry, ColumnEntry, OutcomeEntry, VersionEntry
from apps.ml.prediction_log.identifiers import new_call, prediction_ids

BUNDLE = "b" * 64
COLUMNS = [
    ColumnEntry("age", "numeric", False),
    ColumnEntry("monthly-income", "numeric", False),
    ColumnEntry("gender", "categorical", True),
    ColumnEntry("homeowner", "boolean", False),
]
ROW: dict[str, Any] = {"age": 41, "monthly-income": 1234.5, "gender": "female", "homeowner": True}


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def version_entry(bundle: str = BUNDLE, version: str | None = "3", address: str = "models:/loans/3") -> VersionEntry:
    """A version of the model `loans`."""
    return VersionEntry(bundle, now(), "loans", version, address, "e" * 64, 0.5, "lightgbm", COLUMNS)


def answer_entry(
    scores: tuple[float, ...] = (0.25,),
    *,
    call: bytes | None = None,
    rows: list[dict[str, Any]] | None = None,
    at: int | None = None,
    bundle: str = BUNDLE,
    arm: str | None = None,
    subject: str | None = None,
    request: str | None = None,
    decided: bool = True,
) -> AnswerEntry:
    """A call whose body is JSON records; one row per score."""
    body = {"explain": False, "instances": rows or [{**ROW, "age": 41 + row} for row in range(len(scores))]}
    return AnswerEntry(
        call or new_call(),
        now() if at is None else at,
        bundle,
        arm,
        "predict",
        None,
        subject,
        request,
        "instances",
        json.dumps(body).encode(),
        struct.pack(f"<{len(scores)}d", *scores),
        bytes(int(score >= 0.5) for score in scores) if decided else None,
    )


def outcome_entry(call: bytes, row: int = 0, label: float = 1.0, at: int | None = None) -> OutcomeEntry:
    """A label of one row of a call."""
    name = prediction_ids(call, row + 1)[row]
    return OutcomeEntry(name, now() if at is None else at, label, None, "ledger", None)
