"""What a strange client holds every answer to, beside what Schemathesis knows itself; its command line loads this.

`FAIRMIND_TEST_SECRETS`: secrets of callers, with commas between; requests take them in turn, the empty one as a
stranger.
"""

import itertools
import json
import os
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

SECRETS = "FAIRMIND_TEST_SECRETS"
OF_ANY_REQUEST = {"400", "404", "405", "408", "413", "415", "431"}
"""Refusals before any operation is met, which the interface describes as `default`: no HTTP, no such path or method, a
body too large, too slow, or of no kind that is read."""

GUARDED = {"cache-control", "content-security-policy", "referrer-policy", "x-content-type-options", "x-frame-options"}
PROBLEM = "application/problem+json"
MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "errors"}
_turns = itertools.cycle(os.environ.get(SECRETS, "").split(","))


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Ask as the next caller."""
    if SECRETS in os.environ:
        secret = next(_turns)
        case.headers.pop("Authorization", None)
        if secret:
            case.headers["Authorization"] = f"Bearer {secret}"


@schemathesis.check
def status_is_told(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """The status stands in the interface by its number, or is a refusal of any request."""
    told = set(case.operation.definition.raw["responses"])
    status = str(response.status_code)
    assert status in told | OF_ANY_REQUEST, f"{status} is not told of"


@schemathesis.check
def refusal_is_a_problem(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """Every refusal is a whole problem that bears its request's id."""
    if response.status_code < 400:
        return
    assert response.headers["content-type"] == [PROBLEM], response.headers["content-type"]
    if case.method == "HEAD":
        return
    problem = json.loads(response.content)
    assert problem.keys() == MEMBERS
    assert problem["status"] == response.status_code
    assert [problem["request_id"]] == response.headers["x-request-id"]
    assert problem["detail"].endswith("."), "a refusal ends with the act that repairs it"


@schemathesis.check
def answer_is_guarded(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """Every answer bears its id and the headers that keep browsers from mistakes."""
    assert "x-request-id" in response.headers
    assert not GUARDED - set(response.headers), GUARDED - set(response.headers)
    assert "server" not in response.headers
