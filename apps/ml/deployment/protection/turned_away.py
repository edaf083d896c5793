"""Every way in which the door turns a request away: status, code, words and when to come back."""

from http import HTTPStatus

from apps.ml.deployment.protection.token_bucket import whole_seconds
from apps.ml.deployment.requests.refusals import RefusalError

BUSY_SECONDS = 1.0
DRAIN_SECONDS = 5.0
KEYS_UNKNOWN_SECONDS = 5.0
CHALLENGE = 'Bearer realm="fairmind"'
"""References: RFC 6750, section 3 (challenges and their error codes)."""


class TurnedAwayError(RefusalError):
    """A request is not let in. `request`: its id; `key`: the name of its key, None where no valid one was shown."""

    def __init__(
        self, status: HTTPStatus, code: str, message: str, headers: dict[str, str], request: str, key: str | None = None
    ) -> None:
        super().__init__(status, code, message, headers=headers)
        self.request = request
        self.key = key


def misdirected(request: str) -> TurnedAwayError:
    """The request names another host than this server, as that of a page does which a browser was led here by: 421."""
    message = (
        "The server is not known by the name in the Host header. Ask it as localhost, or let its operator add the name "
        "to FAIRMIND_HOSTS."
    )
    return TurnedAwayError(HTTPStatus.MISDIRECTED_REQUEST, "misdirected", message, {}, request)


def draining(request: str) -> TurnedAwayError:
    """The server ends: 503, and the connection is closed so that the caller's next one goes elsewhere."""
    message = "The server is about to end. Send the request again: another process takes it."
    headers = {"Retry-After": whole_seconds(DRAIN_SECONDS), "Connection": "close"}
    return TurnedAwayError(HTTPStatus.SERVICE_UNAVAILABLE, "draining", message, headers, request)


def busy(request: str) -> TurnedAwayError:
    """There is no room for one more request: 503."""
    message = "The server works on as many requests as it can. Try again later."
    headers = {"Retry-After": whole_seconds(BUSY_SECONDS)}
    return TurnedAwayError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", message, headers, request)


def keys_unknown(request: str) -> TurnedAwayError:
    """Nobody can tell which keys are valid: 503."""
    message = "The server cannot tell which API keys are valid. Try again later."
    headers = {"Retry-After": whole_seconds(KEYS_UNKNOWN_SECONDS)}
    return TurnedAwayError(HTTPStatus.SERVICE_UNAVAILABLE, "keys_unknown", message, headers, request)


def key_missing(request: str) -> TurnedAwayError:
    """No key was shown: 401."""
    message = "The request shows no API key. Send it as `Authorization: Bearer <key>` or `X-API-Key: <key>`."
    headers = {"WWW-Authenticate": CHALLENGE}
    return TurnedAwayError(HTTPStatus.UNAUTHORIZED, "key_missing", message, headers, request)


def key_invalid(request: str) -> TurnedAwayError:
    """The key is unknown, expired or revoked, which of them is not told: 401."""
    message = "The API key is not valid: unknown, expired or revoked. Ask the operator of the server for another."
    headers = {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'}
    return TurnedAwayError(HTTPStatus.UNAUTHORIZED, "key_invalid", message, headers, request)


def wrong_keys(request: str, wait: float) -> TurnedAwayError:
    """Too many wrong keys came from the address: 429."""
    message = "Too many requests with invalid keys came from this address. Mend the key and wait as `Retry-After` says."
    headers = {"Retry-After": whole_seconds(wait)}
    return TurnedAwayError(HTTPStatus.TOO_MANY_REQUESTS, "wrong_keys", message, headers, request)


def scope_missing(request: str, key: str, scope: str) -> TurnedAwayError:
    """The key is valid and may not do this: 403."""
    message = f"The API key lacks the scope `{scope}`. Ask the operator of the server for a key that has it."
    headers = {"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'}
    return TurnedAwayError(HTTPStatus.FORBIDDEN, "scope_missing", message, headers, request, key)


def rate_exceeded(request: str, key: str, wait: float) -> TurnedAwayError:
    """The key asked too often: 429."""
    message = "The API key sent more requests than its rate allows. Wait as long as `Retry-After` says."
    headers = {"Retry-After": whole_seconds(wait)}
    return TurnedAwayError(HTTPStatus.TOO_MANY_REQUESTS, "rate_exceeded", message, headers, request, key)
