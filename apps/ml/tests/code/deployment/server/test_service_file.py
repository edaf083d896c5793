"""The service file starts the command with options that it has, and gives it the time that it takes."""

import configparser
import shlex
from pathlib import Path

import pytest
import typer.main

from apps.ml.command_line import build_app
from apps.ml.deployment.server.http_server import GRACE_SECONDS
from apps.ml.deployment.server.keeper_process import END_SECONDS
from apps.ml.errors import BadInputError, ServiceUnavailableError

SERVICE_FILE = Path("mlops/deployment/fairmind-server.service")


@pytest.fixture
def service() -> configparser.SectionProxy:
    content = configparser.ConfigParser(interpolation=None)
    content.read_string(SERVICE_FILE.read_text(encoding="utf-8"))
    return content["Service"]


def test_the_command_of_the_service_can_be_parsed(service: configparser.SectionProxy) -> None:
    program, *arguments = shlex.split(service["ExecStart"])
    group = typer.main.get_command(build_app(arguments))
    assert Path(program).name == "fairmind"
    assert isinstance(group, typer.core.TyperGroup)
    command = group.commands[arguments[0]]
    with command.make_context(arguments[0], arguments[1:]) as context:
        assert (context.params["host"], context.params["port"]) == ("127.0.0.1", 8080)


def test_requests_and_the_log_may_finish_before_the_service_is_killed(service: configparser.SectionProxy) -> None:
    assert int(service["TimeoutStopSec"]) > GRACE_SECONDS + END_SECONDS


def test_only_what_may_change_is_tried_again(service: configparser.SectionProxy) -> None:
    assert service["Restart"] == "on-failure"
    assert int(service["RestartPreventExitStatus"]) == BadInputError.exit_code != ServiceUnavailableError.exit_code
