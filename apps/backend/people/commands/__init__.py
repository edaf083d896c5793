"""What the operator does with organisations, models, users and keys, on the machine and without a session.

Each command is one transaction with its entry in the audit log of the organisation; the actor is `operator`.
"""

import typer

from apps.backend.people.commands import keys, models, organisations, users


def register(app: typer.Typer) -> None:
    """Add the groups of commands to the command line."""
    for name, group in (("organisations", organisations), ("models", models), ("users", users), ("keys", keys)):
        app.add_typer(group.app, name=name)
