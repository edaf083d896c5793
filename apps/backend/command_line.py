"""The `fairmind-backend` command: every subcommand has `--help`, `--json` for machines and a meaningful exit code.

Exit codes: 0 done, 1 something is not as it should be, 2 bad input, 4 service unreachable.
"""

import json
import sys
from collections.abc import Sequence
from http import HTTPStatus

import typer

from apps.backend.application import create_application
from apps.backend.decisions import commands as decisions
from apps.backend.operation import commands as operation
from apps.backend.people import commands as people
from apps.backend.people.commands.running import CommandError
from apps.backend.problems import ProblemError
from apps.backend.settings import SettingError

EXIT_BAD_INPUT = 2
EXIT_UNREACHABLE = 4

# Texts of failures show no local variables: they may hold passwords.
app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, help=__doc__
)
people.register(app)
decisions.register(app)
operation.register(app, create_application)


@app.callback()
def fairmind_backend() -> None:
    """The product's API and the commands of its operator."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with `arguments` (None: those of this process) and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(given)
    except (CommandError, ProblemError, SettingError) as error:
        is_away = isinstance(error, ProblemError) and error.status == HTTPStatus.SERVICE_UNAVAILABLE
        code = EXIT_UNREACHABLE if is_away else EXIT_BAD_INPUT
        if "--json" in given:
            print(json.dumps({"error": str(error), "exit_code": code}))
        else:
            print(f"error: {error}", file=sys.stderr)
        sys.exit(code)


if __name__ == "__main__":
    main()
