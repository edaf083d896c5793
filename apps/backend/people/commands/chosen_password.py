"""Where a command takes a password from: never from its arguments, which every user of the machine can read."""

import asyncio
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

import typer

from apps.backend.identity.passwords import Passwords
from apps.backend.people.commands.running import CommandError
from apps.backend.people.password_rules import generated_password, require_strong
from apps.backend.settings import PASSWORD_VARIABLE

Generate = Annotated[
    bool,
    typer.Option(
        "--generate-password",
        help=f"Draw a password and print it once. Without: {PASSWORD_VARIABLE}, else it is asked for.",
    ),
]


@dataclass(frozen=True)
class ChosenPassword:
    """A password as it is stored. `generated`: what is to be printed once, None where the operator knows it."""

    stored: str
    generated: str | None = field(repr=False)


def choose_password(generate: bool, personal: Iterable[str]) -> ChosenPassword:
    """Return a password that was drawn, that the environment holds, or that is typed in twice.

    Parameters
    ----------
    personal
        What is known of its owner and may not be in it.

    Raises
    ------
    CommandError
        There is none, and nobody to ask.
    ProblemError
        422 `weak_password`.
    """
    password = generated_password() if generate else _given()
    if not generate:
        require_strong(password, personal, PASSWORD_VARIABLE)
    return ChosenPassword(asyncio.run(Passwords().hash(password)), password if generate else None)


def _given() -> str:
    found = os.environ.get(PASSWORD_VARIABLE)
    if found:
        return found
    if not sys.stdin.isatty():
        raise CommandError(f"There is no password. Set {PASSWORD_VARIABLE}, or use --generate-password.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
