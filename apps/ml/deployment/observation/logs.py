"""Structured logs: one event per line on stderr, JSON for machines or text for people, never with people's values.

The text of foreign exceptions may hold values, so foreign tracebacks are kept out.
"""

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog

from apps.ml.errors import BadInputError

FORMAT_VARIABLE = "FAIRMIND_LOG_FORMAT"
JSON, TEXT = "json", "text"
SERVER_LOGGER = "fairmind.server"
FOREIGN = ("uvicorn.error", "alembic", "sqlalchemy")
_STAMPS: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
]


def server_log() -> Any:
    """Return the log of the server; its events carry facts as keywords."""
    return structlog.wrap_logger(
        logging.getLogger(SERVER_LOGGER),
        processors=[
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_STAMPS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def configure_logs(stream: TextIO | None = None, environment: Mapping[str, str] | None = None) -> None:
    """Send all logs of this process to `stream` (None: stderr).

    FAIRMIND_LOG_FORMAT says how: `json` or `text`; unset: text on a terminal, else JSON.

    Raises
    ------
    BadInputError
        The variable holds anything else.
    """
    target = stream or sys.stderr
    renderer = _renderer(_format(os.environ if environment is None else environment, target))
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_STAMPS,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    for name in (SERVER_LOGGER, *FOREIGN):
        _route(logging.getLogger(name), handler, logging.INFO if name == SERVER_LOGGER else logging.WARNING)


LOGGER = server_log()
"""The log of the server, for modules that write more than one kind of event."""


def holds_no_traceback(record: logging.LogRecord) -> bool:
    """Keep foreign tracebacks out of the log: the text of an error may hold values."""
    return not record.exc_info


def _route(logger: logging.Logger, handler: logging.Handler, level: int) -> None:
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False
    logger.addFilter(holds_no_traceback)


def _format(environment: Mapping[str, str], target: TextIO) -> str:
    chosen = environment.get(FORMAT_VARIABLE, "").strip().lower()
    if chosen and chosen not in (JSON, TEXT):
        raise BadInputError(f"{FORMAT_VARIABLE} is neither {JSON} nor {TEXT}. Set it to one of them, or unset it.")
    return chosen or (TEXT if target.isatty() else JSON)


def _renderer(chosen: str) -> Any:
    return structlog.processors.JSONRenderer() if chosen == JSON else structlog.dev.ConsoleRenderer(colors=False)
