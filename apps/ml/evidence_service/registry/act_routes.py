"""Promotions and roll backs, over HTTP."""

from typing import Annotated, Any, TypeVar

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError
from starlette.requests import Request

from apps.ml.deployment.protection.refused_attempts import actor_of
from apps.ml.deployment.requests.caller import caller_of
from apps.ml.deployment.requests.error_shape import Misfit, Shape
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.deployment.requests.request_body import JSON_TYPE, parse_json, read_body
from apps.ml.evidence_service.answers import refusals
from apps.ml.evidence_service.etags import expected_of
from apps.ml.evidence_service.options import Options
from apps.ml.evidence_service.registry import refused
from apps.ml.evidence_service.registry.acts import Act
from apps.ml.evidence_service.registry.desk import RegistryDesk
from apps.ml.evidence_service.registry.reading_routes import PREFIX
from apps.ml.evidence_service.registry.shapes import Promoted, RolledBack

LONGEST_REASON = 2000
STATUSES = (400, 404, 408, 409, 412, 413, 415)
EMPTY_BODY = "empty_body"
CONDITIONS = {
    "If-Match": "The version, in quotes, that must be the champion: nothing is done where another one is (412).",
    "If-None-Match": "`*`: there must be no champion.",
}


def _printable(text: str) -> str:
    """Refuse what no database and no log should be given."""
    if any(not (letter.isprintable() or letter in "\n\t") for letter in text):
        raise ValueError("it holds characters that cannot be printed")
    return text


Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REASON),
    AfterValidator(_printable),
    Field(description="Why, in words that stay with the version."),
]


class PromotionWanted(Shape):
    """Which version is to be the champion, and why."""

    version: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,8}$")]
    reason: Reason


class RollBackWanted(Shape):
    """Why the champion is to be taken out of service."""

    reason: Reason


Wanted = TypeVar("Wanted", bound=BaseModel)


def act_routes(desk: RegistryDesk, options: Options) -> APIRouter:
    """Return the routes that change which version is the champion; nothing is overridden here."""
    router = APIRouter(prefix=PREFIX, tags=["registry"])

    @router.post(
        "/{model}/promotions",
        responses=refusals(*STATUSES),
        operation_id="registry_promote",
        openapi_extra=_documented(PromotionWanted),
    )
    async def promote(request: Request, model: str) -> Promoted:
        """Make a version the champion, if gates, guards, policy and the comparison with the champion allow it."""
        wanted = await _wanted(request, options, PromotionWanted)
        return await desk.promote(model, wanted.version, _act(request, wanted.reason))

    @router.post(
        "/{model}/rollbacks",
        responses=refusals(*STATUSES),
        operation_id="registry_roll_back",
        openapi_extra=_documented(RollBackWanted),
    )
    async def roll_back(request: Request, model: str) -> RolledBack:
        """Make the champion before the present one champion again; nothing is judged anew."""
        wanted = await _wanted(request, options, RollBackWanted)
        return await desk.roll_back(model, _act(request, wanted.reason))

    return router


def _documented(model: type[BaseModel]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": about}
        for name, about in CONDITIONS.items()
    ]
    return {
        "parameters": parameters,
        "requestBody": {"required": True, "content": {JSON_TYPE: {"schema": model.model_json_schema()}}},
    }


def _act(request: Request, reason: str) -> Act:
    caller = caller_of(request)
    if caller.key is None and "origin" in request.headers:
        raise refused.from_a_page()
    return Act(actor_of(caller.key, request.scope), reason, caller.request, expected_of(request))


async def _wanted(request: Request, options: Options, model: type[Wanted]) -> Wanted:
    try:
        body = await read_body(request, options.limits)
    except RefusalError as error:
        if error.code == EMPTY_BODY:
            raise RefusalError(error.status, EMPTY_BODY, f"The body is empty. Send {_example(model)}.") from None
        raise
    try:
        return model.model_validate(parse_json(body))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        misfits = [Misfit(column=".".join(map(str, one["loc"]))[:100] or None, problem=one["msg"]) for one in found]
        raise refused.unfit(misfits, _example(model)) from None


def _example(model: type[BaseModel]) -> str:
    return "{" + ", ".join(f'"{name}": "…"' for name in model.model_fields) + "}"
