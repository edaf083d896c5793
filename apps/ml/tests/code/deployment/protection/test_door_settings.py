"""Settings of the door: what is meant by default, what is refused."""

import pytest

from apps.ml.deployment.protection.door_settings import DoorSettings, door_settings, is_loopback
from apps.ml.errors import BadInputError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_on_a_loopback_address_keys_are_off_by_default(host: str) -> None:
    assert is_loopback(host)
    assert door_settings(host, environment={}).keys_required is False
    assert door_settings(host, environment={"FAIRMIND_KEYS": "required"}).keys_required is True


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "server.example", "localhost.example", ""])
def test_anywhere_else_keys_are_required_by_default(host: str) -> None:
    assert not is_loopback(host)
    assert door_settings(host, environment={"FAIRMIND_KEYS": ""}).keys_required is True
    assert door_settings(host, environment={"FAIRMIND_KEYS": " Off "}).keys_required is False


def test_every_variable_is_read() -> None:
    environment = {
        "FAIRMIND_KEYS": "required",
        "FAIRMIND_IN_FLIGHT": "7",
        "FAIRMIND_PER_MINUTE": "600",
        "FAIRMIND_WRONG_KEYS_PER_MINUTE": "5",
        "FAIRMIND_KEYS_REFRESH_SECONDS": "2",
        "FAIRMIND_KEYS_STALE_SECONDS": "60",
        "FAIRMIND_HTTPS": "on",
    }
    assert door_settings("::", 4, environment) == DoorSettings(True, 7, 600, 5, 2, 60, True, 4)
    assert door_settings("::", 1, {}) == DoorSettings()


def test_the_variables_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRMIND_IN_FLIGHT", "9")
    assert door_settings("::").in_flight == 9


@pytest.mark.parametrize("variable", ["FAIRMIND_KEYS", "FAIRMIND_HTTPS"])
@pytest.mark.parametrize("text", ["changeme", "true", "1", "<required>", "requiredd"])
def test_a_choice_that_is_none_is_refused_by_its_variable(variable: str, text: str) -> None:
    with pytest.raises(BadInputError, match=f"^{variable} is neither .* nor .*unset it") as caught:
        door_settings("::", 1, {variable: text})
    assert text == "1" or text not in str(caught.value)


@pytest.mark.parametrize(
    "variable",
    [
        "FAIRMIND_IN_FLIGHT",
        "FAIRMIND_PER_MINUTE",
        "FAIRMIND_WRONG_KEYS_PER_MINUTE",
        "FAIRMIND_KEYS_REFRESH_SECONDS",
        "FAIRMIND_KEYS_STALE_SECONDS",
    ],
)
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "1e3", "1_000", "<number>", "many", "٣", "9" * 50])
def test_a_number_that_is_none_is_refused_by_its_variable(variable: str, text: str) -> None:
    with pytest.raises(BadInputError, match=f"^{variable} is no whole number from 1 to"):
        door_settings("::", 1, {variable: text})


def test_keys_must_be_read_more_often_than_they_go_stale() -> None:
    environment = {"FAIRMIND_KEYS_REFRESH_SECONDS": "60", "FAIRMIND_KEYS_STALE_SECONDS": "60"}
    with pytest.raises(BadInputError, match="FAIRMIND_KEYS_STALE_SECONDS is not longer"):
        door_settings("::", 1, environment)
