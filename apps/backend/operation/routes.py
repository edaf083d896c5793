"""The routes of this part."""

from fastapi import FastAPI

from apps.backend.parts import Parts


def install(app: FastAPI, parts: Parts) -> None:
    """Add them to the application."""
