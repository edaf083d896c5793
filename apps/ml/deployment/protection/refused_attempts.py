"""Administration that was turned away at the door is recorded too, without letting strangers fill the database."""

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Scope

from apps.ml.deployment.observation.logs import LOGGER
from apps.ml.deployment.protection.admin_log import AdminLog
from apps.ml.deployment.protection.paths import route_path
from apps.ml.deployment.protection.token_bucket import TokenBucket
from apps.ml.deployment.protection.turned_away import TurnedAwayError

ACTIONS = {"/v1/admin/reload": "reload", "/v1/admin/drain": "drain", "/v1/admin/actions": "actions"}
UNKNOWN_ACTION = ("unknown", "/v1/admin/…")
"""Stands for paths that nobody serves: they are the caller's own words."""

RECORDS_PER_MINUTE = 60


class RefusedAttempts:
    """Told by the middleware of every refusal; records those of administration.

    At most `per_minute` are recorded at once and as many flow in each minute, in each process; the next record then
    says how many were left out.
    """

    def __init__(self, adminlog: AdminLog, per_minute: int = RECORDS_PER_MINUTE) -> None:
        self._adminlog = adminlog
        self._bucket = TokenBucket(per_minute)
        self._left_out = 0

    async def __call__(self, scope: Scope, needed: str, error: TurnedAwayError) -> None:
        """Record one refusal if it is one of administration; a log that does not answer hinders no refusal."""
        if needed != "admin":
            return
        if self._bucket.take() > 0.0:
            self._left_out += 1
            return
        result = f"refused: {error.status.value} {error.code}"
        if self._left_out:
            result += f"; {self._left_out} refusals before it were not recorded"
            self._left_out = 0
        actor, (action, target) = actor_of(error.key, scope), action_of(scope)
        try:
            await to_thread.run_sync(self._adminlog.record, actor, action, target, error.request, result)
        except SQLAlchemyError as failure:
            LOGGER.warning("a refused act of administration was not recorded", error=type(failure).__name__)


def actor_of(key: str | None, scope: Scope) -> str:
    """Return who acts: the key's name, or the address where no valid key was shown."""
    if key is not None:
        return f"key:{key}"
    client = scope.get("client")
    return f"address:{client[0] if client else 'unknown'}"


def action_of(scope: Scope) -> tuple[str, str]:
    """Return what is asked for, and the path."""
    path = route_path(scope)
    return (ACTIONS[path], path) if path in ACTIONS else UNKNOWN_ACTION
