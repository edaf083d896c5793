"""Doing what is administered: nothing without the scope, nothing without a record before it."""

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from apps.ml.deployment.observation.logs import LOGGER
from apps.ml.deployment.protection.admin_log import DONE, AdminLog
from apps.ml.deployment.protection.refused_attempts import action_of, actor_of
from apps.ml.deployment.requests.caller import caller_of
from apps.ml.deployment.requests.refusals import RefusalError

BEGUN = "begun"
FROM_NO_PAGE = ("none", "same-origin")
T = TypeVar("T")


class AdminDesk:
    """Every act goes over this desk."""

    def __init__(self, adminlog: AdminLog) -> None:
        self._adminlog = adminlog

    async def act(self, request: Request, do: Callable[[], T]) -> T:
        """Record that an act begins, do it in a thread, record what came of it.

        Raises
        ------
        RefusalError
            403 without the scope or from a web page without a key; 503 where the beginning cannot be recorded, and
            then nothing is done.
        """
        await self._enter(request)
        await self._must_note(request, BEGUN)
        result = "failed"
        try:
            done = await to_thread.run_sync(do)
            result = DONE
        finally:
            await self._may_note(request, result)
        return done

    async def read(self, request: Request, read: Callable[[], T]) -> T:
        """Read in a thread and record it; what it raises is what :meth:`act` raises."""
        await self._enter(request)
        try:
            found = await to_thread.run_sync(read)
        except SQLAlchemyError as error:
            raise _no_log(error) from None
        await self._must_note(request, DONE)
        return found

    async def _enter(self, request: Request) -> None:
        """Refuse whom the door would refuse, should a route be reached without one, and pages of strangers."""
        caller = caller_of(request)
        if "admin" not in caller.scopes:
            message = "Administration needs an API key with the scope `admin`. Ask the operator of the server for one."
            refusal = RefusalError(HTTPStatus.FORBIDDEN, "scope_missing", message)
        elif caller.key is None and _comes_from_a_page(request):
            message = "A web page may not administer a server that asks for no keys. Ask from a command line."
            refusal = RefusalError(HTTPStatus.FORBIDDEN, "from_a_page", message)
        else:
            return
        await self._may_note(request, f"refused: {refusal.status.value} {refusal.code}")
        raise refusal

    async def _note(self, request: Request, result: str) -> None:
        caller = caller_of(request)
        action, target = action_of(request.scope)
        actor = actor_of(caller.key, request.scope)
        await to_thread.run_sync(self._adminlog.record, actor, action, target, caller.request, result)

    async def _must_note(self, request: Request, result: str) -> None:
        try:
            await self._note(request, result)
        except SQLAlchemyError as error:
            raise _no_log(error) from None

    async def _may_note(self, request: Request, result: str) -> None:
        """For what cannot be undone any more: the act stands, and the log of the server says that it is unrecorded."""
        try:
            await self._note(request, result)
        except SQLAlchemyError as error:
            LOGGER.warning("the end of an act of administration was not recorded", error=type(error).__name__)


def _comes_from_a_page(request: Request) -> bool:
    """Whether a browser sent this for a page: any page may send a POST to a server on its reader's machine.

    References: Fetch standard, section 3.1 (Origin); Fetch Metadata Request Headers, section 2.4 (Sec-Fetch-Site).
    """
    return "origin" in request.headers or request.headers.get("sec-fetch-site", "none") not in FROM_NO_PAGE


def _no_log(error: SQLAlchemyError) -> RefusalError:
    LOGGER.warning("the admin log does not answer", error=type(error).__name__)
    message = "The admin log does not answer, and nothing is administered unrecorded. Try again later."
    return RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "admin_log_unavailable", message, headers={"Retry-After": "5"})
