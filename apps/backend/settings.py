"""What the environment says about the backend; nothing is guessed, and placeholders are refused."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

DATABASE_VARIABLE = "DATABASE_URL"
DEFAULT_DATABASE = "sqlite:///backend.db"
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
HTTPS_VARIABLE = "FAIRMIND_BACKEND_HTTPS"
UPLOAD_BYTES = 256 << 20
REQUESTS_PER_MINUTE = 30_000
PLACEHOLDERS = frozenset(
    ("changeme", "change-me", "change_me", "secret", "password", "placeholder", "example", "todo", "xxx", "your-key",
     "your_key", "your-token", "insert-here", "none", "null", "test", "dummy")
)  # fmt: skip


class SettingError(Exception):
    """A setting holds what it cannot mean; the message names it and says what to write, and never holds its value."""


@dataclass(frozen=True)
class Settings:
    """Where everything is. `state`: the folder of uploads; `upload_bytes`: the largest upload; `requests_per_minute`:
    of one caller; `governance`: address of the governance store, None: nothing is sent; `https`: clients come by HTTPS
    alone."""

    database: str = DEFAULT_DATABASE
    state: Path = Path(DEFAULT_STATE)
    model_server: str = "http://127.0.0.1:8080"
    model_server_key: str | None = None
    evidence: str = "http://127.0.0.1:8081"
    evidence_key: str | None = None
    governance: str | None = None
    governance_token: str | None = None
    upload_bytes: int = UPLOAD_BYTES
    requests_per_minute: int = REQUESTS_PER_MINUTE
    https: bool = False


def settings_of(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that an environment (None: this process's) holds.

    Raises
    ------
    SettingError
        A value is a placeholder, no address, or no whole number of its range.
    """
    given = {name: value.strip() for name, value in (os.environ if environment is None else environment).items()}
    read = _Reader({name: value for name, value in given.items() if value})
    usual = Settings()
    return Settings(
        database=read.text(DATABASE_VARIABLE) or usual.database,
        state=Path(read.text(STATE_VARIABLE) or usual.state),
        model_server=read.address(MODEL_SERVER_VARIABLE) or usual.model_server,
        model_server_key=read.secret(MODEL_SERVER_KEY_VARIABLE),
        evidence=read.address(EVIDENCE_VARIABLE) or usual.evidence,
        evidence_key=read.secret(EVIDENCE_KEY_VARIABLE),
        governance=read.address(GOVERNANCE_VARIABLE),
        governance_token=read.secret(GOVERNANCE_TOKEN_VARIABLE),
        upload_bytes=read.whole(UPLOAD_VARIABLE, 1, 1 << 40) or usual.upload_bytes,
        requests_per_minute=read.whole(RATE_VARIABLE, 1, 10**9) or usual.requests_per_minute,
        https=read.flag(HTTPS_VARIABLE),
    )


class _Reader:
    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def text(self, name: str) -> str | None:
        return self._given.get(name)

    def secret(self, name: str) -> str | None:
        found = self._given.get(name)
        if found is not None and (found.lower() in PLACEHOLDERS or set(found) <= set("x*.<>-")):
            raise SettingError(f"{name} holds a placeholder. Set it to the real secret, or unset it.")
        return found

    def address(self, name: str) -> str | None:
        found = self._given.get(name)
        if found is None:
            return None
        parts = urlsplit(found)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise SettingError(f"{name} is no address of a server. Write http://host:port without user name and query.")
        return found.rstrip("/")

    def whole(self, name: str, least: int, most: int) -> int | None:
        found = self._given.get(name)
        if found is None:
            return None
        if not found.isascii() or not found.isdigit() or not least <= int(found) <= most:
            raise SettingError(f"{name} is no whole number from {least} to {most}. Write one, or unset it.")
        return int(found)

    def flag(self, name: str) -> bool:
        found = self._given.get(name, "off").lower()
        if found not in ("on", "off"):
            raise SettingError(f"{name} is neither on nor off. Set it to one of them, or unset it.")
        return found == "on"
