"""Administration over HTTP: reload, drain, and what was done so far."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol

from fastapi import APIRouter
from starlette.requests import Request

from apps.ml.deployment.protection.admin_desk import AdminDesk
from apps.ml.deployment.protection.admin_log import AdminLog
from apps.ml.deployment.protection.admin_shapes import ActionPage, Drained, Reloaded, shown
from apps.ml.deployment.protection.door import Door
from apps.ml.deployment.requests.error_shape import MISDIRECTED, ErrorAnswer
from apps.ml.deployment.requests.refusals import RefusalError

ROWS_PER_PAGE = 100
MOST_ROWS_PER_PAGE = 1000
LARGEST_NUMBER = 2**31 - 1
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "A query parameter that is no whole number within its bounds"},
    401: {"model": ErrorAnswer, "description": "No valid API key"},
    403: {"model": ErrorAnswer, "description": "The API key lacks the scope `admin`, or a web page asks without a key"},
    421: {"model": ErrorAnswer, "description": MISDIRECTED},
    429: {"model": ErrorAnswer, "description": "The API key sent more requests than its rate allows"},
    503: {"model": ErrorAnswer, "description": "Draining or full, or the admin log does not answer"},
}

QUERY = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": "integer", "minimum": 1, "maximum": most},
    }
    for name, most, description in (
        ("limit", MOST_ROWS_PER_PAGE, f"Records in one answer; {ROWS_PER_PAGE} by default."),
        ("before", LARGEST_NUMBER, "Only records with a smaller number: the `next` of the answer before."),
    )
]


class Refreshable(Protocol):
    """What a reload looks after: the shelf."""

    @property
    def state(self) -> str:
        """`ready`, `loading` or `failed`."""

    @property
    def reason(self) -> str | None:
        """Why it is not ready; None when it is."""

    def refresh(self, again: bool = False) -> Sequence[Any]:
        """Load what is named now, swap it in, and return the swaps as data classes."""


def admin_routes(
    shelf: Refreshable, adminlog: AdminLog, door: Door, drain: Callable[[], None] | None = None
) -> APIRouter:
    """Return the routes below /v1/admin.

    `drain`: shuts the doors of all processes; None: that of this process alone.
    """
    router = APIRouter(prefix="/v1/admin", responses=REFUSALS)
    desk = AdminDesk(adminlog)
    shut = drain or door.drain

    @router.post("/reload", operation_id="admin_reload")
    async def reload(request: Request) -> Reloaded:
        """Look now whether another version is to be served; a version that was refused before is tried again."""
        swaps = await desk.act(request, partial(shelf.refresh, again=True))
        return Reloaded(state=shelf.state, reason=shelf.reason, swaps=[asdict(swap) for swap in swaps])

    @router.post("/drain", operation_id="admin_drain")
    async def drain_now(request: Request) -> Drained:
        """Turn new requests away from now on; those that have begun are answered. There is no way back."""
        await desk.act(request, shut)
        return Drained(draining=True, in_flight=door.in_flight)

    @router.get("/actions", operation_id="admin_actions", openapi_extra={"parameters": QUERY})
    async def actions(request: Request) -> ActionPage:
        """List what was administered, the newest first."""
        limit = _whole(request, "limit", MOST_ROWS_PER_PAGE) or ROWS_PER_PAGE
        before = _whole(request, "before", LARGEST_NUMBER)
        records = await desk.read(request, partial(adminlog.page, limit, before))
        more = len(records) == limit and records[-1].number > 1
        return ActionPage(actions=[shown(record) for record in records], next=records[-1].number if more else None)

    return router


def _whole(request: Request, name: str, most: int) -> int | None:
    """Return a query parameter, None where it is absent; read here because the framework's refusal repeats values."""
    given = request.query_params.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= len(str(most)) and 1 <= int(given) <= most):
        message = f"The query parameter `{name}` is no whole number from 1 to {most}. Send one, or leave it out."
        raise RefusalError(HTTPStatus.BAD_REQUEST, "query", message)
    return int(given)
