"""Routes of sessions: opened with a password, ended by their user."""

from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Request

from apps.backend.access import Shown, Viewer
from apps.backend.parts import Parts
from apps.backend.people.sessions import OpenedSession, end_session
from apps.backend.people.sign_in import Credentials, SignIn
from apps.backend.problems import ProblemError, problems

NEEDS_A_CALLER = (403,)
OPEN_TO_ALL = {status: answer for status, answer in problems(409).items() if status not in NEEDS_A_CALLER}


def install(app: FastAPI, parts: Parts, sign_in: SignIn) -> None:
    """Add them to the application."""
    router = APIRouter(prefix="/api/v1/sessions", tags=["people"])

    @router.post("", status_code=201, operation_id="open_session", responses=OPEN_TO_ALL)
    async def open_session(body: Credentials, request: Request) -> OpenedSession:
        """Sign in. The token is shown this once; send it as `Authorization: Bearer …` for twelve hours."""
        return await sign_in.open(body, request.client.host if request.client else None)

    @router.delete("/current", status_code=204, operation_id="end_session", responses=problems(409))
    async def end_current_session(caller: Viewer, shown: Shown) -> None:
        """Sign out: the token that you ask with opens nothing any more."""
        if caller.user is None or shown is None:
            detail = "You ask with a service key, which has no session. Revoke the key if it shall end."
            raise ProblemError(HTTPStatus.CONFLICT, "no_session", detail)
        async with parts.database.writing() as connection:
            await end_session(connection, caller, shown.credentials)
        parts.authenticator.forget()

    app.include_router(router)
