"""The plain case of a request: rows that fit, and at most a model's and a subject's name beside them."""

from apps.ml.deployment.answering.desk import Desk
from apps.ml.deployment.native.prepared import PreparedVersions
from apps.ml.deployment.native.request_schema import LONGEST_SUBJECT
from apps.ml.deployment.native.row_decoder import PlainRequest
from apps.ml.deployment.requests.caller import Asked, Caller
from apps.ml.deployment.versions.chosen import Chosen


def plain_request(
    desk: Desk, prepared: PreparedVersions, body: bytes, caller: Caller, route: str
) -> tuple[Chosen, PlainRequest] | None:
    """Return the version that is meant and the rows for it; None where only the thorough way can tell.

    Raises
    ------
    RefusalError
        404 for a model that is not served; 503 while none is loaded.
    """
    first = desk.choose(Asked(caller, route))
    request = prepared.of(first.model).decoder.decode(body)
    if request is None or len(request.subject or "") > LONGEST_SUBJECT:
        return None
    if request.model is None and request.subject is None:
        return first, request
    chosen = desk.choose(Asked(caller, route, request.model, subject=request.subject))
    if chosen.model is not first.model:
        request = prepared.of(chosen.model).decoder.decode(body)
    return None if request is None else (chosen, request)
