"""What audits may cost, from environment variables."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from apps.ml.errors import BadInputError

BYTES_VARIABLE = "FAIRMIND_AUDIT_BYTES"
SECONDS_VARIABLE = "FAIRMIND_AUDIT_SECONDS"
BODY_SECONDS_VARIABLE = "FAIRMIND_AUDIT_BODY_SECONDS"
AT_ONCE_VARIABLE = "FAIRMIND_AUDITS_AT_ONCE"
WAITING_VARIABLE = "FAIRMIND_AUDITS_WAITING"
MEMORY_VARIABLE = "FAIRMIND_AUDIT_MEMORY"
FOLDER_VARIABLE = "FAIRMIND_AUDIT_DIR"

MEBIBYTE = 2**20
LEAST_MEMORY = 512 * MEBIBYTE
"""A worker that has imported what it needs holds 340 MiB of address space, 120 MiB of them in memory."""

MOST_BYTES = 2**40
DAY_SECONDS = 86_400


def _default_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"fairmind-audits-{os.getuid()}"


@dataclass(frozen=True)
class AuditSettings:
    """Bounds on audits of files that are sent.

    `body_bytes`, `body_seconds`: size of a body, and the time it may take to arrive. `seconds`: wall time of one
    worker. `at_once`: audits that are computed at the same time. `waiting`: further requests that may send their body
    and wait for their turn. `memory_bytes`: address space of one worker. `answer_bytes`, `table_answer_bytes`: of the
    answer to an audit and to a table. `folder`: where bodies lie while they are needed.
    """

    body_bytes: int = 256 * MEBIBYTE
    body_seconds: int = 300
    seconds: int = 300
    at_once: int = 1
    waiting: int = 4
    memory_bytes: int = 1536 * MEBIBYTE
    answer_bytes: int = 64 * MEBIBYTE
    table_answer_bytes: int = 8_000_000
    folder: Path = field(default_factory=_default_folder)


def audit_settings(environment: Mapping[str, str] | None = None) -> AuditSettings:
    """Return the settings of a service; a variable that is unset or empty says nothing.

    Raises
    ------
    BadInputError
        A variable holds what it cannot mean; the message names the variable and what it takes, not what it held.
    """
    given = os.environ if environment is None else environment
    usual = AuditSettings()
    folder = given.get(FOLDER_VARIABLE, "").strip()
    return AuditSettings(
        body_bytes=_number(given, BYTES_VARIABLE, usual.body_bytes, 1, MOST_BYTES),
        body_seconds=_number(given, BODY_SECONDS_VARIABLE, usual.body_seconds, 1, DAY_SECONDS),
        seconds=_number(given, SECONDS_VARIABLE, usual.seconds, 1, DAY_SECONDS),
        at_once=_number(given, AT_ONCE_VARIABLE, usual.at_once, 1, 256),
        waiting=_number(given, WAITING_VARIABLE, usual.waiting, 0, 10_000),
        memory_bytes=_number(given, MEMORY_VARIABLE, usual.memory_bytes, LEAST_MEMORY, MOST_BYTES),
        folder=Path(folder) if folder else usual.folder,
    )


def _number(given: Mapping[str, str], variable: str, usual: int, least: int, most: int) -> int:
    text = given.get(variable, "").strip()
    if not text:
        return usual
    # int() also takes 1_000, +5 and digits of other scripts; a setting is written plainly or not meant.
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise BadInputError(f"{variable} is no whole number from {least} to {most}. Set it to one, or unset it.")
    return int(text)
