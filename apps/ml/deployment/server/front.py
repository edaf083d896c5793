"""What stands before the routes: the door, and refusals in the shape of the protocol that asked."""

from starlette.responses import Response
from starlette.types import ASGIApp

from apps.ml.deployment.observation.meter import Meter
from apps.ml.deployment.protection.admin_log import AdminLog
from apps.ml.deployment.protection.middleware import DoorMiddleware
from apps.ml.deployment.protection.refused_attempts import RefusedAttempts
from apps.ml.deployment.protection.turned_away import TurnedAwayError
from apps.ml.deployment.protocols.error_shapes import error_answer
from apps.ml.deployment.requests.refusals import answer_to
from apps.ml.deployment.server.options import Options


def in_front(api: ASGIApp, options: Options, meter: Meter) -> ASGIApp:
    """Return `api` behind the door; refused attempts at administration are recorded where there is a database."""

    def answer(path: str, refusal: TurnedAwayError) -> Response:
        meter.refused(refusal.code)
        return error_answer(path, refusal) or answer_to(refusal, path, refusal.request)

    if options.engine is None:
        return DoorMiddleware(api, options.door, answer)
    return DoorMiddleware(api, options.door, answer, on_turned_away=RefusedAttempts(AdminLog(options.engine)))
