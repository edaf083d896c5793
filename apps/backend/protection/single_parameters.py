"""Query parameters that stand for one value are given once: of two, a proxy might have looked at the other one."""

from collections import Counter
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from apps.backend.problems import Misfit, ProblemError


def require_single(request: Request) -> None:
    """Refuse a parameter that is given more than once, unless the interface describes it as a list.

    Raises
    ------
    ProblemError
        422 `misfit`, which names the parameter.
    """
    counted = Counter(name for name, _ in request.query_params.multi_items())
    repeated = {name for name, times in counted.items() if times > 1}
    if not repeated:
        return
    misfits = [
        Misfit(location=f"query.{name}", problem="given more than once", expected="one value")
        for name in sorted(repeated & _single(request))
    ]
    if misfits:
        detail = "The request does not fit. Mend what `errors` lists."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "misfit", detail, misfits)


def _single(request: Request) -> set[str]:
    """Return the names of this operation's query parameters that are no lists."""
    operations: dict[str, Any] = request.app.openapi()["paths"].get(request.scope["route"].path, {})
    parameters = operations.get(request.method.lower(), {}).get("parameters", [])
    return {each["name"] for each in parameters if each["in"] == "query" and not _is_list(each["schema"])}


def _is_list(schema: dict[str, Any]) -> bool:
    return any(part.get("type") == "array" for part in (schema, *schema.get("anyOf", ())))
