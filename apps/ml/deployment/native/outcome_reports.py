"""From the body of a report of labels to entries of the log: every form, every misfit by its row, all or nothing.

::

    {"id": "…", "label": 1, "observed_at"?: "2026-01-31T12:00:00Z", "source"?: "ledger"}
    {"outcomes": [{…}, {…}]}
    {"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "…"}, "eventVersion": "0"}

`prediction_id` may stand for `id`, `outcome` for `label`. The third form is that of Amazon SageMaker's ground truth.
Each may also come as JSON lines.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from apps.ml.deployment.requests.error_shape import Misfit
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.requests.request_body import parse_json
from apps.ml.prediction_log.entries import OutcomeEntry
from apps.ml.prediction_log.identifiers import call_and_row

MANY = "outcomes"
ID_KEYS = ("id", "prediction_id")
LABEL_KEYS = ("label", "outcome")
KEYS = frozenset((*ID_KEYS, *LABEL_KEYS, "observed_at", "source"))
GROUND_TRUTH = "groundTruthData"
GROUND_TRUTH_KEYS = frozenset((GROUND_TRUTH, "eventMetadata", "eventVersion"))
GROUND_TRUTH_VERSION = "0"
LONGEST_SOURCE = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_GIVEN_NOT = object()

Report = dict[str, Any]
Complain = Callable[[str, str, str], None]
"""Takes the key, what is wrong, and what is expected."""


def outcome_entries(body: bytes, lines: bool, limits: Limits, at: int, key: str | None) -> list[OutcomeEntry]:
    """Return the entries of a report, in its order.

    Parameters
    ----------
    lines
        Whether the content type says that the body is JSON lines.
    at
        When it was reported, microseconds since 1970.
    key
        Name of the reporter's API key.

    Raises
    ------
    RefusalError
        400 not JSON, 413 too many, 422 with one finding per misfit; then nothing of the report is taken.
    """
    reports = _reports(body, lines)
    if len(reports) > limits.instances:
        message = f"The report holds {len(reports)} outcomes; at most {limits.instances} are taken. Send several."
        raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_outcomes", message)
    misfits: list[Misfit] = []
    entries = [_entry(row, report, at, key, misfits) for row, report in enumerate(reports)]
    if misfits:
        message = f"{len(misfits)} findings in {len(reports)} outcomes; none was taken. Mend what is listed."
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", message, misfits[: limits.findings])
    return [entry for entry in entries if entry is not None]


def _reports(body: bytes, lines: bool) -> list[Any]:
    documents = _lines(body) if lines or _looks_like_lines(body) else [parse_json(body)]
    reports: list[Any] = []
    for document in documents:
        many = document.get(MANY) if isinstance(document, Mapping) else None
        if isinstance(many, list) and len(document) == 1:
            reports += many
        else:
            reports.append(document)
    if not reports:
        raise _unprocessable('The report holds no outcome. Send {"id": …, "label": …}.')
    return reports


def _looks_like_lines(body: bytes) -> bool:
    """Tell whether the first line is an object by itself and another one follows."""
    first, _, rest = body.strip().partition(b"\n")
    return first.rstrip().endswith(b"}") and first.startswith(b"{") and rest.lstrip().startswith(b"{")


def _lines(body: bytes) -> list[Any]:
    documents = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if line.strip():
            try:
                documents.append(parse_json(line))
            except RefusalError as error:
                raise RefusalError(error.status, error.code, f"Line {number}: {error}") from None
    return documents


def _entry(row: int, report: Any, at: int, key: str | None, misfits: list[Misfit]) -> OutcomeEntry | None:
    """Return the entry of one report, or None after its misfits were added."""
    before = len(misfits)

    def complain(column: str, problem: str, expected: str) -> None:
        misfits.append(Misfit(row=row, column=column or None, problem=problem, expected=expected))

    plain = _plain(report, complain)
    if plain is None:
        return None
    for unknown in sorted(plain.keys() - KEYS, key=str)[:1]:
        complain(_shown(unknown), "an outcome has no such key", ", ".join(sorted(KEYS)))
    prediction = _one_of(plain, ID_KEYS, complain)
    label = _one_of(plain, LABEL_KEYS, complain)
    entry = OutcomeEntry(
        prediction=_prediction(prediction, complain),
        at=at,
        label=_label(label, complain),
        observed=_observed(plain.get("observed_at"), complain),
        source=_source(plain.get("source"), complain),
        key=key,
    )
    return entry if len(misfits) == before else None


def _plain(report: Any, complain: Complain) -> Report | None:
    """Return a report in our own words; None where it is no object or a malformed ground truth."""
    if not isinstance(report, dict):
        complain("", "the outcome is no object", '{"id": …, "label": …}')
        return None
    if GROUND_TRUTH not in report:
        return report
    data, event = report[GROUND_TRUTH], report.get("eventMetadata")
    if not isinstance(data, dict) or not isinstance(event, dict) or not report.keys() <= GROUND_TRUTH_KEYS:
        complain(GROUND_TRUTH, "the ground truth has another shape", "groundTruthData, eventMetadata, eventVersion")
        return None
    if report.get("eventVersion", GROUND_TRUTH_VERSION) != GROUND_TRUTH_VERSION:
        complain("eventVersion", "the ground truth is of another version", f'"{GROUND_TRUTH_VERSION}"')
        return None
    if data.get("encoding") not in ("CSV", "JSON"):
        complain("encoding", "the ground truth is of another encoding", '"CSV" or "JSON"')
        return None
    # A caller who gave an id of an own says `inferenceId`; it stands for the other one.
    return {"id": event.get("inferenceId", event.get("eventId")), "label": _number_in(data.get("data"))}


def _number_in(text: Any) -> Any:
    """Return the one number that a ground truth holds as text; what is none stays as it is."""
    try:
        return float(text) if isinstance(text, str) and len(text) <= LONGEST_SOURCE else text
    except ValueError:
        return text


def _one_of(report: Report, names: tuple[str, str], complain: Complain) -> Any:
    given = [name for name in names if name in report]
    if len(given) == 1:
        return report[given[0]]
    problem = "the key is missing" if not given else f"`{names[0]}` and `{names[1]}` say the same twice"
    complain(names[0], problem, f"one of {' and '.join(names)}")
    return _GIVEN_NOT


def _prediction(value: Any, complain: Complain) -> str:
    if value is _GIVEN_NOT:
        return ""
    try:
        if isinstance(value, str):
            call_and_row(value)
            return value
    except ValueError:
        pass
    complain("id", "this names no prediction", "the id that came with the answer")
    return ""


def _label(value: Any, complain: Complain) -> float:
    if value is _GIVEN_NOT:
        return math.nan
    if isinstance(value, int | float):
        try:
            if math.isfinite(number := float(value)):
                return number
        except OverflowError:
            pass
    complain("label", "the label is no number", "0 or 1, or a finite number where numbers are predicted")
    return math.nan


def _observed(value: Any, complain: Complain) -> int | None:
    if value is None:
        return None
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return (moment - EPOCH) // MICROSECOND
    except (ValueError, OverflowError):
        pass
    complain("observed_at", "this is no moment", "RFC 3339 with a time zone, as 2026-01-31T12:00:00Z")
    return None


def _source(value: Any, complain: Complain) -> str | None:
    if value is None or (isinstance(value, str) and 0 < len(value) <= LONGEST_SOURCE):
        return value
    complain("source", "this is no name of a source", f"text of at most {LONGEST_SOURCE} characters")
    return None


def _shown(key: object) -> str:
    return str(key)[:80]


def _unprocessable(message: str) -> RefusalError:
    return RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", message)
