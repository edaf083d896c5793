"""Every way in which the registry refuses: status, code, words and, where it helps, when to come back."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus

from apps.ml.deployment.requests.error_shape import Misfit
from apps.ml.deployment.requests.refusals import RefusalError

AWAY_SECONDS = "5"
BUSY_SECONDS = "1"
MOST_MISFITS = 50
LONGEST_PROBLEM = 1000


class TooSlowError(RefusalError):
    """The store was not done within the time that its caller waits; what has begun goes on."""


def unknown_model() -> RefusalError:
    """404: no model of the name."""
    message = "There is no registered model of this name. GET /v1/registry/models lists them."
    return RefusalError(HTTPStatus.NOT_FOUND, "unknown_model", message)


def unknown_version() -> RefusalError:
    """404: the model has no such version."""
    message = "The model has no such version. GET /v1/registry/models/{model}/versions lists those it has."
    return RefusalError(HTTPStatus.NOT_FOUND, "unknown_version", message)


def no_evidence() -> RefusalError:
    """404: nothing was published with the version."""
    message = "No evidence was published with this version. Register it by `dvc repro` or `fairmind models publish`."
    return RefusalError(HTTPStatus.NOT_FOUND, "no_evidence", message)


def unknown_section(sections: Iterable[str]) -> RefusalError:
    """404: the record has no such section; the message lists those it has."""
    message = f"The record has no such section. Choose one of: {', '.join(sections)}."
    return RefusalError(HTTPStatus.NOT_FOUND, "unknown_section", message)


def unknown_document() -> RefusalError:
    """404: no document of the name was published with the version."""
    message = "The version has no document of this name. GET …/documents lists the names that it has."
    return RefusalError(HTTPStatus.NOT_FOUND, "unknown_document", message)


def damaged(what: str) -> RefusalError:
    """500: what the store holds is not what was published; it is not handed on."""
    message = f"The tracking store does not hold {what} as it was published. Restore the store from a copy."
    return RefusalError(HTTPStatus.INTERNAL_SERVER_ERROR, "damaged", message)


def too_large(most_bytes: int) -> RefusalError:
    """500: a published file is larger than the service hands out."""
    message = f"The published file has more than {most_bytes} bytes. Read it from the tracking store itself."
    return RefusalError(HTTPStatus.INTERNAL_SERVER_ERROR, "too_large", message)


def store_away() -> RefusalError:
    """503: the tracking store does not answer; the log holds the reason."""
    message = "The tracking store does not answer. Try again later."
    return RefusalError(
        HTTPStatus.SERVICE_UNAVAILABLE, "store_unavailable", message, headers={"Retry-After": AWAY_SECONDS}
    )


def busy() -> RefusalError:
    """503: all threads that may work with the store are taken."""
    message = "As much is being asked of the tracking store as may be at once. Try again later."
    return RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", message, headers={"Retry-After": BUSY_SECONDS})


def too_slow() -> TooSlowError:
    """503: the caller has waited long enough; a repeated question may find the answer ready."""
    message = "The tracking store takes long to answer. Ask again later: what was begun goes on."
    return TooSlowError(HTTPStatus.SERVICE_UNAVAILABLE, "too_slow", message, headers={"Retry-After": AWAY_SECONDS})


def not_begun() -> RefusalError:
    """503: another process of this machine holds the store; nothing was changed, and nothing will be."""
    message = "Somebody else publishes or promotes at the moment; nothing was changed. Try again later."
    return RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", message, headers={"Retry-After": AWAY_SECONDS})


def outcome_unknown() -> RefusalError:
    """503: the act has begun and goes on though the caller no longer waits."""
    message = (
        "The act goes on and its outcome is not known yet. Look at the aliases of the versions before you repeat it."
    )
    return RefusalError(
        HTTPStatus.SERVICE_UNAVAILABLE, "outcome_unknown", message, headers={"Retry-After": AWAY_SECONDS}
    )


def unrecorded() -> RefusalError:
    """503: the admin log does not answer, so nothing is done."""
    message = "The admin log does not answer, and nothing is promoted unrecorded. Try again later."
    return RefusalError(
        HTTPStatus.SERVICE_UNAVAILABLE, "admin_log_unavailable", message, headers={"Retry-After": AWAY_SECONDS}
    )


def not_promoted(why: str, misfits: Sequence[Misfit] = ()) -> RefusalError:
    """409: verdict or comparison do not allow the promotion."""
    message = f"Not promoted: {why} Over HTTP nothing is overridden: `fairmind models promote --override` does that."
    return RefusalError(HTTPStatus.CONFLICT, "not_promoted", message, misfits[:MOST_MISFITS])


def champion_moved() -> RefusalError:
    """412: what the request says of the champion does not hold any more; nothing was changed."""
    message = "The champion is another than If-Match or If-None-Match says. Look at the versions before you repeat it."
    return RefusalError(HTTPStatus.PRECONDITION_FAILED, "champion_moved", message)


def nothing_before() -> RefusalError:
    """409: there is no champion to go back to."""
    message = "The model had no champion before the present one. Promote another version instead."
    return RefusalError(HTTPStatus.CONFLICT, "nothing_before", message)


def from_a_page() -> RefusalError:
    """403: any page may send a request to a server on its reader's machine."""
    message = "A web page may not promote on a server that asks for no keys. Ask from a program."
    return RefusalError(HTTPStatus.FORBIDDEN, "from_a_page", message)


def problem(name: str, text: str, expected: str | None = None) -> Misfit:
    """Return one thing that stands against a promotion."""
    return Misfit(problem=f"{name}: {text}"[:LONGEST_PROBLEM], expected=expected)


def not_comparable(why: str) -> RefusalError:
    """409: nothing can be said about the versions side by side."""
    return RefusalError(HTTPStatus.CONFLICT, "not_comparable", f"The versions cannot be compared: {why}")


def versions_missing(least: int, most: int) -> RefusalError:
    """422: too few or too many versions are named."""
    message = f"A comparison takes {least} to {most} different versions. Name each as `version` in the query."
    return RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "versions", message)


def unfit(misfits: Sequence[Misfit], example: str) -> RefusalError:
    """422: the body is JSON of another shape."""
    message = f"The body does not fit. Send {example}."
    return RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", message, misfits[:MOST_MISFITS])
