"""What the operator says about protection, in environment variables."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass

from apps.ml.deployment.protection.known_hosts import HOSTS_VARIABLE, hosts_of
from apps.ml.errors import BadInputError

KEYS_VARIABLE = "FAIRMIND_KEYS"
IN_FLIGHT_VARIABLE = "FAIRMIND_IN_FLIGHT"
PER_MINUTE_VARIABLE = "FAIRMIND_PER_MINUTE"
WRONG_KEYS_VARIABLE = "FAIRMIND_WRONG_KEYS_PER_MINUTE"
REFRESH_VARIABLE = "FAIRMIND_KEYS_REFRESH_SECONDS"
STALE_VARIABLE = "FAIRMIND_KEYS_STALE_SECONDS"
HTTPS_VARIABLE = "FAIRMIND_HTTPS"

REQUIRED, OFF, ON = "required", "off", "on"
MOST_PER_MINUTE = 10_000_000
MOST_IN_FLIGHT = 100_000
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class DoorSettings:
    """What a door asks for and how much it lets in.

    `keys_required`: without one, everybody may do everything. `in_flight`: requests that one process works on at the
    same time. `per_minute`: rate of the keys that have none of their own; None: unlimited. `wrong_keys_per_minute`: by
    address. `refresh_seconds`: how often keys are read, so how long a revoked one still opens. `stale_seconds`: how
    long the keys read last are used while the database is away. `https`: clients reach the server by HTTPS alone.
    `processes`: worker processes that share the rates; each lets its share pass. `hosts`: names by which clients may
    ask for the server (see `protection.known_hosts`); None: any.
    """

    keys_required: bool = True
    in_flight: int = 128
    per_minute: int | None = None
    wrong_keys_per_minute: int = 20
    refresh_seconds: int = 3
    stale_seconds: int = 600
    https: bool = False
    processes: int = 1
    hosts: frozenset[str] | None = None


def door_settings(host: str, processes: int = 1, environment: Mapping[str, str] | None = None) -> DoorSettings:
    """Return the settings of a server that listens on `host`; a variable that is unset or empty says nothing.

    Raises
    ------
    BadInputError
        A variable holds what it cannot mean; the message names the variable and what it takes, not what it held.
    """
    given = os.environ if environment is None else environment
    usual, is_local = DoorSettings(), is_loopback(host)
    keys_required = _choice(given, KEYS_VARIABLE, (REQUIRED, OFF), OFF if is_local else REQUIRED) == REQUIRED
    settings = DoorSettings(
        keys_required=keys_required,
        in_flight=_number(given, IN_FLIGHT_VARIABLE, usual.in_flight, MOST_IN_FLIGHT),
        per_minute=_number(given, PER_MINUTE_VARIABLE, 0, MOST_PER_MINUTE) or None,
        wrong_keys_per_minute=_number(given, WRONG_KEYS_VARIABLE, usual.wrong_keys_per_minute, MOST_PER_MINUTE),
        refresh_seconds=_number(given, REFRESH_VARIABLE, usual.refresh_seconds, DAY_SECONDS),
        stale_seconds=_number(given, STALE_VARIABLE, usual.stale_seconds, DAY_SECONDS),
        https=_choice(given, HTTPS_VARIABLE, (ON, OFF), OFF) == ON,
        processes=processes,
        hosts=hosts_of(host, keys_required, is_local, given.get(HOSTS_VARIABLE, "")),
    )
    if settings.stale_seconds <= settings.refresh_seconds:
        raise BadInputError(
            f"{STALE_VARIABLE} is not longer than {REFRESH_VARIABLE}: keys would be out of date between two readings. "
            f"Set {STALE_VARIABLE} to several times {REFRESH_VARIABLE}."
        )
    return settings


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server on `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _choice(given: Mapping[str, str], variable: str, choices: tuple[str, ...], usual: str) -> str:
    text = given.get(variable, "").strip().lower() or usual
    if text not in choices:
        raise BadInputError(f"{variable} is neither {' nor '.join(choices)}. Set it to one of them, or unset it.")
    return text


def _number(given: Mapping[str, str], variable: str, usual: int, most: int) -> int:
    text = given.get(variable, "").strip()
    if not text:
        return usual
    # int() also takes 1_000, +5 and digits of other scripts; a setting is written plainly or not meant.
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        raise BadInputError(f"{variable} is no whole number from 1 to {most}. Set it to one, or unset it.")
    return int(text)
