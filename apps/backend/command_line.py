"""The `fairmind-backend` command."""

import typer

app = typer.Typer(no_args_is_help=True, help="The product's API.")


def main() -> None:
    """Run the command."""
    app()
