"""Routes of service keys, for admins."""

from typing import Annotated

from fastapi import APIRouter, FastAPI, Query

from apps.backend.access import Admin
from apps.backend.identity.caller import Role
from apps.backend.parts import Parts
from apps.backend.people import service_keys
from apps.backend.people.service_keys import NewServiceKey, Rotation, ServiceKey, ShownServiceKey, State
from apps.backend.people.texts import RowId
from apps.backend.problems import problems
from apps.backend.storage.pages import USUAL_ROWS, Cursor, Limit, Page


def install(app: FastAPI, parts: Parts) -> None:
    """Add them to the application."""
    router = APIRouter(prefix="/api/v1/service-keys", tags=["people"])

    @router.post("", status_code=201, operation_id="create_service_key", responses=problems(409))
    async def create_service_key(caller: Admin, body: NewServiceKey) -> ShownServiceKey:
        """Make a service key. Its secret is shown this once; it is sent as `Authorization: Bearer …`."""
        async with parts.database.writing() as connection:
            return await service_keys.create_key(connection, caller, body)

    @router.get("", operation_id="list_service_keys", responses=problems())
    async def list_service_keys(
        caller: Admin,
        limit: Limit = USUAL_ROWS,
        cursor: Cursor = None,
        role: Annotated[Role | None, Query(description="Only keys in this role.")] = None,
        state: Annotated[State | None, Query(description="Only keys in this state.")] = None,
    ) -> Page[ServiceKey]:
        """List the service keys of your organisation, without their secrets."""
        async with parts.database.reading() as connection:
            return await service_keys.list_keys(connection, caller, limit, cursor, role, state)

    @router.post("/{key_id}/revoke", operation_id="revoke_service_key", responses=problems(404))
    async def revoke_service_key(caller: Admin, key_id: RowId) -> ServiceKey:
        """End a service key with all its secrets, at once and for ever."""
        async with parts.database.writing() as connection:
            revoked = await service_keys.revoke_key(connection, caller, key_id)
        parts.authenticator.forget()
        return revoked

    @router.post("/{key_id}/rotate", operation_id="rotate_service_key", responses=problems(404, 409))
    async def rotate_service_key(caller: Admin, key_id: RowId, body: Rotation) -> ShownServiceKey:
        """Give a service key a new secret, which is shown this once; the old one opens until the overlap is over."""
        async with parts.database.writing() as connection:
            rotated = await service_keys.rotate_key(connection, caller, key_id, body)
        parts.authenticator.forget()
        return rotated

    app.include_router(router)
