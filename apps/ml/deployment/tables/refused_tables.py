"""The ways in which a table is refused before its values are looked at."""

from http import HTTPStatus

from apps.ml.deployment.requests.limits import Limits
from apps.ml.deployment.requests.refusals import RefusalError


def unreadable(why: str, repair: str = "Write the table anew and send it whole.") -> RefusalError:
    """Return the refusal of a body that is not what its content type says."""
    return RefusalError(HTTPStatus.BAD_REQUEST, "unreadable_table", f"The table cannot be read: {why}. {repair}")


def require_rows(rows: int, limits: Limits) -> None:
    """Refuse more rows than are taken at once, and none.

    Raises
    ------
    RefusalError
        413 too many rows, 422 none, 400 a negative number of them.
    """
    if rows < 0:
        raise unreadable("it declares a negative number of rows")
    if rows == 0:
        message = "The request holds no rows. Send at least one."
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", message)
    if rows > limits.instances:
        message = f"The request holds more than {limits.instances} rows. Send several requests."
        raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_instances", message)


def require_unpacked(size: int, limits: Limits) -> None:
    """Refuse a table that is larger, once decompressed, than the largest body (413)."""
    if size > limits.body_bytes:
        message = (
            f"The table is larger than {limits.body_bytes} bytes once it is decompressed. Send the rows in several "
            "requests."
        )
        raise RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", message)
