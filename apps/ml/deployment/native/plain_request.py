"""The plain case of a request: rows that fit, and at most a model's and a subject's name beside them."""

from apps.ml.deployment.answering.desk import Desk
from apps.ml.deployment.native.prepared import Prepared, PreparedVersions
from apps.ml.deployment.native.request_schema import LONGEST_SUBJECT
from apps.ml.deployment.requests.caller import Asked, Caller
from apps.ml.deployment.scorers.scorer import Value
from apps.ml.deployment.versions.chosen import Chosen


def plain_request(
    desk: Desk, versions: PreparedVersions, body: bytes, caller: Caller, route: str
) -> tuple[Chosen, Prepared, list[tuple[Value, ...]]] | None:
    """Return the version that is meant, what is prepared for it, and its rows; None: only the thorough way can tell.

    Raises
    ------
    RefusalError
        404 for a model that is not served; 503 while none is loaded.
    """
    first = desk.choose(Asked(caller, route))
    prepared = versions.of(first.model)
    request = prepared.decoder.decode(body)
    if request is None:
        return None
    model, subject = request.model, request.subject
    if model is None and subject is None:
        return first, prepared, request.rows
    if subject is not None and len(subject) > LONGEST_SUBJECT:
        return None
    chosen = desk.choose(Asked(caller, route, model, subject=subject))
    if chosen.model is not first.model:
        prepared = versions.of(chosen.model)
        request = prepared.decoder.decode(body)
    return None if request is None else (chosen, prepared, request.rows)
