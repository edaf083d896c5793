"""The routes of this part, and what it does beside them."""

from fastapi import FastAPI

from apps.backend.parts import Parts
from apps.backend.people import service_key_routes, session_routes, user_routes
from apps.backend.people.sessions import remove_expired
from apps.backend.people.sign_in import SignIn

EXPIRED_SECONDS = 3600.0
REFUSED_SECONDS = 5.0
EXPIRED_SESSIONS = "remove expired sessions"
REFUSED_SIGN_INS = "write down refused sign-ins"


def install(app: FastAPI, parts: Parts) -> None:
    """Add them to the application."""
    sign_in = SignIn(parts)
    session_routes.install(app, parts, sign_in)
    user_routes.install(app, parts, sign_in)
    service_key_routes.install(app, parts)

    async def remove() -> None:
        await remove_expired(parts.database)

    parts.background.every(EXPIRED_SECONDS, EXPIRED_SESSIONS, remove)
    parts.background.every(REFUSED_SECONDS, REFUSED_SIGN_INS, sign_in.write_down_refused)
