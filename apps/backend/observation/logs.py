"""Logs: one JSON object per line on stderr, with the request's id, and never with people's values.

The text of foreign exceptions may hold values, so foreign tracebacks are kept out.
"""

import json
import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from traceback import extract_tb
from typing import Any, TextIO

import structlog

from apps.backend.observation.request_ids import REQUEST_ID

REQUESTS = "backend.requests"
NAMED = ("uvicorn.error", "alembic")
"""Loggers of others whose messages hold no values."""

_LOG = structlog.get_logger(REQUESTS)


def configure_logs(stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (None: stderr): ours from `info` up, those of others as warnings."""
    target = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            with_request_id,
            structlog.processors.JSONRenderer(default=repr_of_kind),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(_ForeignLine())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)


def request_answered(
    method: str, route: str | None, status: int, seconds: float, organisation: str | None, request_id: str
) -> None:
    """Write down one answered request; `route`: the template of its path, which holds no names."""
    _LOG.info(
        "request",
        method=method,
        route=route,
        status=status,
        seconds=round(seconds, 6),
        organisation=organisation,
        request_id=request_id,
    )


def frames_of(error: BaseException) -> list[str]:
    """Return where an error came from, as `file:line function` from the outermost on: places in code, and no values."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]


def with_request_id(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the id of the request in which something was logged."""
    if "request_id" not in event and (found := REQUEST_ID.get()) is not None:
        event["request_id"] = found
    return event


def repr_of_kind(value: object) -> str:
    """Return what is logged of a value that is no JSON: what kind it is of."""
    return f"<{type(value).__name__}>"


class _ForeignLine(logging.Formatter):
    """A line about what others log: of messages that may hold values only who logged, how bad, what kind."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "event": "foreign",
            "logger": record.name,
            "level": record.levelname.lower(),
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        if record.name.startswith(NAMED):
            line["text"] = record.getMessage().strip().split("\n")[0][:300]
        if record.exc_info and record.exc_info[0] is not None:
            line["kind"] = record.exc_info[0].__name__
        return json.dumps(line)
