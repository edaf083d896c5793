"""Who may read the numbers of this process: the operator, who is of no organisation.

With FAIRMIND_BACKEND_METRICS_TOKEN it is asked of everybody. Without it only connections of this machine that no proxy
handed on may read them: behind a proxy on the same machine everybody seems to be on it.
"""

import hmac
from http import HTTPStatus
from ipaddress import ip_address

from starlette.requests import Request

from apps.backend.problems import ProblemError
from apps.backend.settings import METRICS_TOKEN_VARIABLE

HANDED_ON = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


def require_operator(request: Request, token: str | None) -> None:
    """Let the operator in; `token`: what is asked for, None: nothing but a connection of this machine.

    Raises
    ------
    ProblemError
        401 anybody else.
    """
    shown = request.headers.get("authorization", "")
    if token is not None:
        if not hmac.compare_digest(shown.encode(), f"Bearer {token}".encode()):
            detail = f"Send the token of {METRICS_TOKEN_VARIABLE} as `Authorization: Bearer …`."
            raise _refused(detail)
    elif not _is_of_this_machine(request):
        detail = f"Ask from the machine itself, or set {METRICS_TOKEN_VARIABLE} and send it."
        raise _refused(detail)


def _is_of_this_machine(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in HANDED_ON):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _refused(detail: str) -> ProblemError:
    headers = {"WWW-Authenticate": "Bearer"}
    return ProblemError(HTTPStatus.UNAUTHORIZED, "unauthenticated", detail, headers=headers)
