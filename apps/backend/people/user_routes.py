"""Routes of users: for admins, and `me` for everybody."""

from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Query, Request
from pydantic import BaseModel
from sqlalchemy import select

from apps.backend.access import Admin, Viewer
from apps.backend.identity.caller import Role
from apps.backend.identity.tables import users as user_rows
from apps.backend.parts import Parts
from apps.backend.people import users
from apps.backend.people.organisations import name_of_organisation
from apps.backend.people.sessions import EndedSessions, OpenedSession, end_sessions_of
from apps.backend.people.sign_in import PasswordChange, SignIn
from apps.backend.people.texts import RowId
from apps.backend.people.users import NewUser, User, UserChanges
from apps.backend.problems import problems
from apps.backend.storage.pages import USUAL_ROWS, Cursor, Limit, Page


class OwnOrganisation(BaseModel):
    """The caller's organisation."""

    id: str
    name: str


class Me(BaseModel):
    """Who asks. `actor`: as rows and the audit log name the caller; `email`: null for a service key."""

    organisation: OwnOrganisation
    actor: str
    kind: Literal["user", "service_key"]
    name: str
    role: Role
    email: str | None


def install(app: FastAPI, parts: Parts, sign_in: SignIn) -> None:
    """Add them to the application."""
    router = APIRouter(prefix="/api/v1/users", tags=["people"])

    @router.post("", status_code=201, operation_id="create_user", responses=problems(409))
    async def create_user(caller: Admin, body: NewUser) -> User:
        """Make a user of your organisation, who can sign in at once."""
        return await users.create_user(parts, caller, body)

    @router.get("", operation_id="list_users", responses=problems())
    async def list_users(
        caller: Admin,
        limit: Limit = USUAL_ROWS,
        cursor: Cursor = None,
        role: Annotated[Role | None, Query(description="Only users in this role.")] = None,
        is_active: Annotated[bool | None, Query(description="Only users who can sign in, or cannot.")] = None,
    ) -> Page[User]:
        """List the users of your organisation."""
        async with parts.database.reading() as connection:
            return await users.list_users(connection, caller, limit, cursor, role, is_active)

    @router.get("/{user_id}", operation_id="get_user", responses=problems(404))
    async def get_user(caller: Admin, user_id: RowId) -> User:
        """Show a user of your organisation."""
        async with parts.database.reading() as connection:
            return await users.find_user(connection, caller, user_id)

    @router.patch("/{user_id}", operation_id="change_user", responses=problems(404, 409))
    async def change_user(caller: Admin, user_id: RowId, body: UserChanges) -> User:
        """Change a user at once. Another role, password or activity ends all of the user's sessions."""
        return await users.change_user(parts, caller, user_id, body)

    @router.delete("/{user_id}/sessions", operation_id="end_sessions", responses=problems(404))
    async def end_sessions(caller: Admin, user_id: RowId) -> EndedSessions:
        """End all sessions of a user at once."""
        return await end_sessions_of(parts, caller, user_id)

    app.include_router(router)
    app.include_router(_me(parts, sign_in))


def _me(parts: Parts, sign_in: SignIn) -> APIRouter:
    router = APIRouter(prefix="/api/v1/me", tags=["people"])

    @router.get("", operation_id="get_me", responses=problems())
    async def get_me(caller: Viewer) -> Me:
        """Show who you are: organisation, name, role and kind."""
        query = select(user_rows.c.email).where(user_rows.c.id == caller.user)
        async with parts.database.reading() as connection:
            name = await name_of_organisation(connection, caller.organisation)
            email = (await connection.execute(query)).scalar()
        return Me(
            organisation=OwnOrganisation(id=caller.organisation, name=name),
            actor=caller.actor,
            kind="service_key" if caller.user is None else "user",
            name=caller.name,
            role=caller.role,
            email=email,
        )

    @router.put("/password", operation_id="change_own_password", responses=problems(409))
    async def change_own_password(caller: Viewer, body: PasswordChange, request: Request) -> OpenedSession:
        """Change your password. All your sessions end; the answer opens a new one."""
        return await sign_in.change_password(caller, body, request.client.host if request.client else None)

    return router
