"""Logs: one JSON object per line, and nothing in them that others wrote."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from apps.backend.observation.logs import configure_logs
from apps.backend.observation.request_ids import REQUEST_ID


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where logs go during a test."""
    root = logging.getLogger()
    before = (root.handlers, root.level, structlog.get_config())
    target = io.StringIO()
    configure_logs(target)
    yield target
    root.handlers, root.level = before[0], before[1]
    structlog.configure(**before[2])


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_a_line_with_its_request(stream: io.StringIO) -> None:
    token = REQUEST_ID.set("mine-1")
    structlog.get_logger("backend").warning("something", count=3, kind=object())
    REQUEST_ID.reset(token)
    (line,) = lines(stream)
    assert line.pop("at")
    assert line == {"event": "something", "count": 3, "kind": "<object>", "level": "warning", "request_id": "mine-1"}


def test_what_is_beside_a_request_has_no_id(stream: io.StringIO) -> None:
    structlog.get_logger("backend").info("job")
    structlog.get_logger("backend").debug("too much")
    (line,) = lines(stream)
    assert "request_id" not in line


def test_words_of_others_are_left_out_but_for_those_without_values(stream: io.StringIO) -> None:
    logging.getLogger("sqlalchemy.pool").error("row of Ada Lovelace\nand more")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    try:
        raise LookupError("Ada Lovelace")
    except LookupError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
    logging.getLogger("httpx").info("HTTP Request: GET http://models/secret")
    assert "Ada" not in stream.getvalue()
    first, second, third = lines(stream)
    assert (first["logger"], first["level"]) == ("sqlalchemy.pool", "error")
    assert second["text"] == "Invalid HTTP request received."
    assert (third["text"], third["kind"]) == ("Exception in ASGI application", "LookupError")
