"""Logs are one event per line, for machines or people, and never hold the text of foreign errors."""

import io
import json
import logging

import pytest

from apps.ml.deployment.observation.logs import FOREIGN, SERVER_LOGGER, configure_logs, server_log
from apps.ml.errors import BadInputError


@pytest.fixture(autouse=True)
def as_before() -> object:
    """Put the loggers back as they were."""
    names = (SERVER_LOGGER, *FOREIGN)
    kept = {
        name: (found.handlers, found.level, found.propagate, found.filters[:])
        for name in names
        for found in [logging.getLogger(name)]
    }
    yield
    for name, (handlers, level, propagate, filters) in kept.items():
        found = logging.getLogger(name)
        found.handlers, found.level, found.propagate, found.filters = handlers, level, propagate, filters


def test_an_event_is_one_line_of_json_with_its_facts() -> None:
    stream = io.StringIO()
    configure_logs(stream, {"FAIRMIND_LOG_FORMAT": "json"})
    server_log().info("swap", model="loans", after="4")
    event = json.loads(stream.getvalue())

    assert (event["event"], event["model"], event["after"], event["level"]) == ("swap", "loans", "4", "info")
    assert event["logger"] == "fairmind.server"
    assert event["at"].endswith("Z")


def test_people_get_text() -> None:
    stream = io.StringIO()
    configure_logs(stream, {"FAIRMIND_LOG_FORMAT": "text"})
    server_log().warning("%s moved", "the alias", model="loans")

    assert "the alias moved" in stream.getvalue()
    assert "model=loans" in stream.getvalue()


def test_foreign_warnings_come_through_and_their_tracebacks_do_not() -> None:
    stream = io.StringIO()
    configure_logs(stream, {})
    foreign = logging.getLogger("uvicorn.error")
    foreign.warning("Invalid HTTP request received.")
    try:
        raise ValueError("a person's value")
    except ValueError:
        foreign.exception("Exception in ASGI application")
    lines = stream.getvalue().splitlines()

    assert [json.loads(line)["event"] for line in lines] == ["Invalid HTTP request received."]


def test_another_format_is_refused() -> None:
    with pytest.raises(BadInputError, match="FAIRMIND_LOG_FORMAT is neither json nor text"):
        configure_logs(io.StringIO(), {"FAIRMIND_LOG_FORMAT": "xml"})
