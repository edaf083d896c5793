"""What the environment says about the backend; nothing is guessed, and placeholders are refused."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import unquote, urlsplit

DATABASE_VARIABLE = "DATABASE_URL"
DEFAULT_DATABASE = "sqlite:///backend.db"
PREFIX = "FAIRMIND_BACKEND_"
STATE_VARIABLE = "FAIRMIND_BACKEND_STATE_DIR"
DEFAULT_STATE = ".fairmind/backend"
MODEL_SERVER_VARIABLE = "FAIRMIND_MODEL_SERVER_URL"
MODEL_SERVER_KEY_VARIABLE = "FAIRMIND_MODEL_SERVER_KEY"
EVIDENCE_VARIABLE = "FAIRMIND_EVIDENCE_URL"
EVIDENCE_KEY_VARIABLE = "FAIRMIND_EVIDENCE_KEY"
GOVERNANCE_VARIABLE = "FAIRMIND_GOVERNANCE_URL"
GOVERNANCE_TOKEN_VARIABLE = "FAIRMIND_GOVERNANCE_TOKEN"  # noqa: S105 (a name)
UPLOAD_VARIABLE = "FAIRMIND_BACKEND_UPLOAD_BYTES"
RATE_VARIABLE = "FAIRMIND_BACKEND_REQUESTS_PER_MINUTE"
STRANGERS_VARIABLE = "FAIRMIND_BACKEND_UNKNOWN_PER_MINUTE"
IN_FLIGHT_VARIABLE = "FAIRMIND_BACKEND_REQUESTS_IN_FLIGHT"
HTTPS_VARIABLE = "FAIRMIND_BACKEND_HTTPS"
ORIGINS_VARIABLE = "FAIRMIND_BACKEND_ORIGINS"
PROXIES_VARIABLE = "FAIRMIND_BACKEND_PROXIES"
METRICS_TOKEN_VARIABLE = "FAIRMIND_BACKEND_METRICS_TOKEN"  # noqa: S105 (a name)
PASSWORD_VARIABLE = "FAIRMIND_BACKEND_PASSWORD"  # noqa: S105 (a name)
"""Of the first admin: what commands read in place of a question."""
OWN_VARIABLES = (
    STATE_VARIABLE, UPLOAD_VARIABLE, RATE_VARIABLE, STRANGERS_VARIABLE, IN_FLIGHT_VARIABLE, HTTPS_VARIABLE,
    ORIGINS_VARIABLE, PROXIES_VARIABLE, METRICS_TOKEN_VARIABLE, PASSWORD_VARIABLE,
)  # fmt: skip
"""Every variable that begins with :data:`PREFIX`."""

UPLOAD_BYTES = 256 << 20
REQUESTS_PER_MINUTE = 30_000
UNKNOWN_PER_MINUTE = 300
REQUESTS_IN_FLIGHT = 256
LEAST_SECRET_CHARACTERS = 16
PLACEHOLDERS = frozenset(
    ("changeme", "change-me", "change_me", "secret", "password", "placeholder", "example", "todo", "xxx", "your-key",
     "your_key", "your-token", "insert-here", "none", "null", "test", "dummy")
)  # fmt: skip
PLACEHOLDER_CHARACTERS = set("x*.<>-")


class SettingError(Exception):
    """A setting holds what it cannot mean; the message names it and says what to write, and never holds its value."""


@dataclass(frozen=True)
class Settings:
    """Where everything is, and how much of it may be used.

    `state`: the folder of uploads; `governance`: address of the governance store, None: nothing is sent;
    `upload_bytes`: the largest upload; `requests_per_minute`: of one caller; `unknown_per_minute`: requests without a
    valid secret, of one address; `requests_in_flight`: at a time, in this process; `https`: clients come by HTTPS
    alone; `origins`: of pages whose browsers may ask, as `https://app.example.org`; `proxies`: addresses or networks
    whose `X-Forwarded-For` is believed; `metrics_token`: what /metrics asks for, None: a loopback connection.
    """

    database: str = field(default=DEFAULT_DATABASE, repr=False)
    state: Path = Path(DEFAULT_STATE)
    model_server: str = "http://127.0.0.1:8080"
    model_server_key: str | None = field(default=None, repr=False)
    evidence: str = "http://127.0.0.1:8081"
    evidence_key: str | None = field(default=None, repr=False)
    governance: str | None = None
    governance_token: str | None = field(default=None, repr=False)
    upload_bytes: int = UPLOAD_BYTES
    requests_per_minute: int = REQUESTS_PER_MINUTE
    unknown_per_minute: int = UNKNOWN_PER_MINUTE
    requests_in_flight: int = REQUESTS_IN_FLIGHT
    https: bool = False
    origins: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    metrics_token: str | None = field(default=None, repr=False)


def settings_of(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that an environment (None: this process's) holds.

    Raises
    ------
    SettingError
        A value is a placeholder, too short for a secret, no address, or no whole number of its range; or a variable
        that begins with FAIRMIND_BACKEND_ means nothing here.
    """
    given = {name: value.strip() for name, value in (os.environ if environment is None else environment).items()}
    _require_known(given)
    read = _Reader({name: value for name, value in given.items() if value})
    usual = Settings()
    return Settings(
        database=read.database(DATABASE_VARIABLE) or usual.database,
        state=Path(read.text(STATE_VARIABLE) or usual.state),
        model_server=read.address(MODEL_SERVER_VARIABLE) or usual.model_server,
        model_server_key=read.secret(MODEL_SERVER_KEY_VARIABLE),
        evidence=read.address(EVIDENCE_VARIABLE) or usual.evidence,
        evidence_key=read.secret(EVIDENCE_KEY_VARIABLE),
        governance=read.address(GOVERNANCE_VARIABLE),
        governance_token=read.secret(GOVERNANCE_TOKEN_VARIABLE),
        upload_bytes=read.whole(UPLOAD_VARIABLE, 1, 1 << 40) or usual.upload_bytes,
        requests_per_minute=read.whole(RATE_VARIABLE, 1, 10**9) or usual.requests_per_minute,
        unknown_per_minute=read.whole(STRANGERS_VARIABLE, 1, 10**9) or usual.unknown_per_minute,
        requests_in_flight=read.whole(IN_FLIGHT_VARIABLE, 1, 10**6) or usual.requests_in_flight,
        https=read.flag(HTTPS_VARIABLE),
        origins=read.origins(ORIGINS_VARIABLE),
        proxies=read.networks(PROXIES_VARIABLE),
        metrics_token=read.secret(METRICS_TOKEN_VARIABLE),
    )


def _require_known(given: Mapping[str, str]) -> None:
    for name in sorted(given):
        if name.startswith(PREFIX) and name not in OWN_VARIABLES:
            nearest = get_close_matches(name, OWN_VARIABLES, n=1, cutoff=0.0)[0]
            raise SettingError(f"{name} means nothing to the backend. Is {nearest} meant? Rename it, or unset it.")


class _Reader:
    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def text(self, name: str) -> str | None:
        return self._given.get(name)

    def secret(self, name: str) -> str | None:
        found = self._given.get(name)
        if found is None:
            return None
        if _is_placeholder(found):
            raise SettingError(f"{name} holds a placeholder. Set it to the real secret, or unset it.")
        if len(found) < LEAST_SECRET_CHARACTERS:
            few = f"{name} is shorter than {LEAST_SECRET_CHARACTERS} characters"
            raise SettingError(f"{few}, so it can be guessed. Set it to a longer secret, or unset it.")
        return found

    def database(self, name: str) -> str | None:
        """Of a password that people chose the length is the database's affair; a placeholder is nobody's password."""
        found = self._given.get(name)
        if found is not None and _is_placeholder(_password_of(found) or "real"):
            raise SettingError(f"{name} holds a placeholder as its password. Write the real one.")
        return found

    def address(self, name: str) -> str | None:
        found = self._given.get(name)
        if found is None:
            return None
        if not _is_address(found):
            raise SettingError(f"{name} is no address of a server. Write http://host:port without user name and query.")
        return found.rstrip("/")

    def origins(self, name: str) -> tuple[str, ...]:
        found = self._listed(name)
        if not all(_is_address(each) and urlsplit(each).path == "" for each in found):
            repair = "Write https://host or https://host:port of each page, with commas between, and no `*`"
            raise SettingError(f"{name} holds what is no origin of a page. {repair}.")
        return found

    def networks(self, name: str) -> tuple[str, ...]:
        found = self._listed(name)
        try:
            for each in found:
                ip_network(each)
        except ValueError:
            repair = "Write 10.0.0.7 or 10.0.0.0/24, with commas between"
            raise SettingError(f"{name} holds what is no address or network of proxies. {repair}.") from None
        return found

    def whole(self, name: str, least: int, most: int) -> int | None:
        found = self._given.get(name)
        if found is None:
            return None
        if not found.isascii() or not found.isdigit() or not least <= int(found[:20]) <= most:
            raise SettingError(f"{name} is no whole number from {least} to {most}. Write one, or unset it.")
        return int(found)

    def flag(self, name: str) -> bool:
        found = self._given.get(name, "off").lower()
        if found not in ("on", "off"):
            raise SettingError(f"{name} is neither on nor off. Set it to one of them, or unset it.")
        return found == "on"

    def _listed(self, name: str) -> tuple[str, ...]:
        return tuple(each.strip() for each in self._given.get(name, "").split(",") if each.strip())


def _is_placeholder(text: str) -> bool:
    return text.lower().strip("<>{}[]$ ") in PLACEHOLDERS or set(text.lower()) <= PLACEHOLDER_CHARACTERS


def _password_of(database: str) -> str | None:
    """Return the password in a database's address, as the database gets it."""
    try:
        found = urlsplit(database).password
    except ValueError:
        return None  # no address at all, which is told where it is opened
    return None if found is None else unquote(found)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = not (parts.username or parts.query or parts.fragment or "*" in text)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and has_port and is_plain
