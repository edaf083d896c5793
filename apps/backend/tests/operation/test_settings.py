"""Settings: nothing is guessed, no placeholder passes, and no message holds a value."""

from pathlib import Path

import pytest

from apps.backend import settings as settings_module
from apps.backend.settings import OWN_VARIABLES, PLACEHOLDERS, PREFIX, SettingError, Settings, settings_of

SECRETS = (
    "FAIRMIND_MODEL_SERVER_KEY",
    "FAIRMIND_EVIDENCE_KEY",
    "FAIRMIND_GOVERNANCE_TOKEN",
    "FAIRMIND_BACKEND_METRICS_TOKEN",
)
GOOD = "fm_5f0c1e92ab_a-real-secret"


def refusal(**given: str) -> str:
    with pytest.raises(SettingError) as caught:
        settings_of(given)
    return str(caught.value)


def test_without_any_variable_everything_is_on_this_machine() -> None:
    assert settings_of({}) == Settings()
    assert settings_of({"FAIRMIND_GOVERNANCE_URL": "  "}) == Settings(), "an empty variable is none"


def test_every_variable_is_read() -> None:
    found = settings_of(
        {
            "DATABASE_URL": "postgresql://fairmind:s0me-password@db/fairmind",
            "FAIRMIND_BACKEND_STATE_DIR": "/var/lib/fairmind",
            "FAIRMIND_MODEL_SERVER_URL": "http://models:8080/",
            "FAIRMIND_MODEL_SERVER_KEY": GOOD,
            "FAIRMIND_EVIDENCE_URL": "https://evidence:8081",
            "FAIRMIND_EVIDENCE_KEY": GOOD,
            "FAIRMIND_GOVERNANCE_URL": "https://governance.example.org/api",
            "FAIRMIND_GOVERNANCE_TOKEN": GOOD,
            "FAIRMIND_BACKEND_UPLOAD_BYTES": "1000",
            "FAIRMIND_BACKEND_REQUESTS_PER_MINUTE": "60",
            "FAIRMIND_BACKEND_UNKNOWN_PER_MINUTE": "10",
            "FAIRMIND_BACKEND_REQUESTS_IN_FLIGHT": "20",
            "FAIRMIND_BACKEND_HTTPS": "on",
            "FAIRMIND_BACKEND_ORIGINS": "https://app.example.org, http://localhost:5173",
            "FAIRMIND_BACKEND_PROXIES": "10.0.0.7,10.1.0.0/16,::1",
            "FAIRMIND_BACKEND_METRICS_TOKEN": GOOD,
        }
    )
    assert found.database.endswith("@db/fairmind")
    assert found.state == Path("/var/lib/fairmind")
    assert (found.model_server, found.evidence) == ("http://models:8080", "https://evidence:8081")
    assert found.origins == ("https://app.example.org", "http://localhost:5173")
    assert found.proxies == ("10.0.0.7", "10.1.0.0/16", "::1")
    assert (found.upload_bytes, found.requests_per_minute, found.unknown_per_minute) == (1000, 60, 10)
    assert (found.requests_in_flight, found.https, found.metrics_token) == (20, True, GOOD)


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "value", [*sorted(PLACEHOLDERS), "ChangeMe", "<your-token>", "********", "xxxxxxxxxxxxxxxxxxxx"]
)
def test_placeholders_are_no_secrets(name: str, value: str) -> None:
    assert refusal(**{name: value}) == f"{name} holds a placeholder. Set it to the real secret, or unset it."


@pytest.mark.parametrize("name", SECRETS)
def test_short_secrets_can_be_guessed(name: str) -> None:
    message = refusal(**{name: "fifteen-letters"})
    assert "shorter than 16 characters" in message
    assert "fifteen" not in message


@pytest.mark.parametrize("password", ["changeme", "CHANGE-ME", "%63hangeme", "<password>", "***"])
def test_a_database_has_no_placeholder_for_a_password(password: str) -> None:
    message = refusal(DATABASE_URL=f"postgresql://fairmind:{password}@db/fairmind")
    assert message == "DATABASE_URL holds a placeholder as its password. Write the real one."


@pytest.mark.parametrize(
    "address", ["postgresql://fairmind@db/fairmind", "sqlite:///secret.db", "postgresql://u:@db/x"]
)
def test_a_database_may_ask_for_no_password(address: str) -> None:
    assert settings_of({"DATABASE_URL": address}).database == address


def test_a_misspelt_variable_is_told_its_nearest() -> None:
    assert "Is FAIRMIND_BACKEND_ORIGINS meant?" in refusal(FAIRMIND_BACKEND_ORIGIN="https://app.example.org")
    assert "Is FAIRMIND_BACKEND_REQUESTS_PER_MINUTE meant?" in refusal(FAIRMIND_BACKEND_RATE_PER_MINUTE="")
    assert "means nothing" in refusal(FAIRMIND_BACKEND_="1")
    assert settings_of({"FAIRMIND_MODEL": "models:/loans@champion"}) == Settings(), "others have variables of their own"


def test_every_own_variable_is_on_the_list() -> None:
    named = {value for name, value in vars(settings_module).items() if name.endswith("_VARIABLE")}
    assert {name for name in named if name.startswith(PREFIX)} == set(OWN_VARIABLES)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FAIRMIND_MODEL_SERVER_URL", "models:8080"),
        ("FAIRMIND_MODEL_SERVER_URL", "http://user:password@models"),
        ("FAIRMIND_EVIDENCE_URL", "ftp://evidence"),
        ("FAIRMIND_EVIDENCE_URL", "http://evidence:99999"),
        ("FAIRMIND_GOVERNANCE_URL", "http://:8080"),
        ("FAIRMIND_BACKEND_ORIGINS", "*"),
        ("FAIRMIND_BACKEND_ORIGINS", "https://*.example.org"),
        ("FAIRMIND_BACKEND_ORIGINS", "https://app.example.org/"),
        ("FAIRMIND_BACKEND_ORIGINS", "https://app.example.org,app.example.org"),
        ("FAIRMIND_BACKEND_PROXIES", "proxy.example.org"),
        ("FAIRMIND_BACKEND_PROXIES", "*"),
        ("FAIRMIND_BACKEND_HTTPS", "yes"),
        ("FAIRMIND_BACKEND_UPLOAD_BYTES", "0"),
        ("FAIRMIND_BACKEND_UPLOAD_BYTES", "1e6"),
        ("FAIRMIND_BACKEND_REQUESTS_PER_MINUTE", "-1"),
        ("FAIRMIND_BACKEND_REQUESTS_IN_FLIGHT", "9" * 5000),
        ("FAIRMIND_BACKEND_UNKNOWN_PER_MINUTE", "²"),
    ],
)
def test_what_a_variable_cannot_mean_is_refused_without_its_value(name: str, value: str) -> None:
    message = refusal(**{name: value})
    assert message.startswith(f"{name} ")
    assert message.endswith(".")
    assert len(value) < 3 or value not in message


def test_settings_show_no_secrets() -> None:
    shown = repr(
        Settings(
            database="postgresql://fairmind:s0me-password@db/fairmind",
            model_server_key=GOOD,
            evidence_key=GOOD,
            governance_token=GOOD,
            metrics_token=GOOD,
        )
    )
    assert GOOD not in shown
    assert "s0me-password" not in shown
