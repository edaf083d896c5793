"""Answering predictions whose rows come as a table: CSV, Parquet, Arrow. Runs in a worker thread."""

from http import HTTPStatus
from urllib.parse import parse_qsl

from apps.ml.deployment.answering.desk import Desk
from apps.ml.deployment.native.prediction import ROUTE
from apps.ml.deployment.native.prepared import PreparedVersions
from apps.ml.deployment.native.request_schema import LONGEST_SUBJECT
from apps.ml.deployment.requests.caller import Asked, Caller
from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError, misfit_of
from apps.ml.deployment.tables.table_bodies import frame_of_body
from apps.ml.errors import RequestError

NAMED = ("model", "version", "alias", "subject")


class TableAnswers:
    """Answers tables; what JSON says beside the rows is said in the query: model, version, alias, subject."""

    def __init__(self, desk: Desk, limits: Limits, prepared: PreparedVersions) -> None:
        self._desk, self._limits, self._prepared = desk, limits, prepared

    def answer(self, content_type: str, query: bytes, body: bytes, caller: Caller) -> bytes:
        """Return the answer, in the shape of `schemas.PredictionAnswer`.

        Raises
        ------
        RefusalError
            400 unreadable or an unknown query parameter, 404, 413, 415, 422 and 503 as for JSON.
        """
        chosen = self._desk.choose(_asked(query, caller))
        try:
            frame = frame_of_body(content_type, body, chosen.model.bundle.info.columns, self._limits)
        except RefusalError:
            raise
        except RequestError as error:
            misfits = [misfit_of(finding) for finding in error.findings][: self._limits.findings]
            message = f"The table does not fit the model's signature ({len(misfits)} findings). Mend what is listed."
            raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", message, misfits) from None
        return self._prepared.of(chosen.model).writer.many(self._desk.answer_frame(chosen, frame))


def _asked(query: bytes, caller: Caller) -> Asked:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    named = dict(pairs)
    if len(named) != len(pairs) or not set(named) <= set(NAMED) or len(named.get("subject", "")) > LONGEST_SUBJECT:
        message = f"The query takes {', '.join(NAMED)}, each once and not too long. Mend it."
        raise RefusalError(HTTPStatus.BAD_REQUEST, "query", message)
    return Asked(caller, ROUTE, named.get("model"), named.get("version"), named.get("alias"), named.get("subject"))
