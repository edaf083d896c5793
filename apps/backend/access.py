"""What routes ask for: a caller in a role at least. `Viewer`, `Analyst`, `Approver` and `Admin` are parameters."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from apps.backend.identity.caller import Caller, Role
from apps.backend.parts import parts_of
from apps.backend.problems import ProblemError
from apps.backend.protection.single_parameters import require_single

_bearer = HTTPBearer(auto_error=False, description="A session's token or a service key.")
Shown = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def require(role: Role) -> Callable[..., Awaitable[Caller]]:
    """Return the dependency that lets callers in whose role may do what `role` may do."""

    async def caller(request: Request, shown: Shown) -> Caller:
        found = await parts_of(request).authenticator.caller(shown.credentials if shown else None)
        parts_of(request).rates.take(found)
        request.state.caller = found
        if not found.may(role):
            detail = f"This needs the role {role}; yours is {found.role}. Ask an admin of your organisation."
            raise ProblemError(HTTPStatus.FORBIDDEN, "role_missing", detail)
        require_single(request)
        return found

    return caller


Viewer = Annotated[Caller, Depends(require("viewer"))]
Analyst = Annotated[Caller, Depends(require("analyst"))]
Approver = Annotated[Caller, Depends(require("approver"))]
Admin = Annotated[Caller, Depends(require("admin"))]
