"""Asking for decisions, reading them, and their words for the person."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import PlainTextResponse

from apps.backend import moments
from apps.backend.access import Analyst, Viewer
from apps.backend.decisions.answers import Decision, DecisionSummary, Kind, State, ToldDecision
from apps.backend.decisions.asking import Desk
from apps.backend.decisions.bodies import AskedDecision, DecisionName, Name
from apps.backend.decisions.reading import Wanted, list_decisions, read_decision
from apps.backend.decisions.telling import told_decision
from apps.backend.parts import Parts
from apps.backend.problems import problems
from apps.backend.protection.repeats import IdempotencyKey, once
from apps.backend.storage.pages import Cursor, Limit, Page

PATH = "/api/v1/decisions"
PLAIN, JSON = "text/plain", "application/json"
TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {PLAIN: {"schema": {"type": "string"}}}}}


async def wanted(
    model: Annotated[Name | None, Query()] = None,
    version: Annotated[Name | None, Query()] = None,
    outcome: Annotated[Kind | None, Query(description="As the model decided.")] = None,
    subject: Annotated[Name | None, Query()] = None,
    prediction_id: Annotated[Name | None, Query()] = None,
    since: Annotated[moments.Moment | None, Query(description="The first moment, with a time zone.")] = None,
    until: Annotated[moments.Moment | None, Query(description="The moment after the last, with a time zone.")] = None,
    state: Annotated[State | None, Query(description="Made; appealed, which is open; or overruled.")] = None,
) -> Wanted:
    """Return which decisions the query asks for."""
    return Wanted(model, version, outcome, subject, prediction_id, since, until, state)


def router(parts: Parts) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=PATH, tags=["decisions"])
    _add_asking(routes, parts)
    _add_reading(routes, parts)
    return routes


def _add_asking(routes: APIRouter, parts: Parts) -> None:
    desk = Desk(parts)

    @routes.post("", status_code=201, operation_id="ask_decision", responses=problems(400, 404, 409, 413))
    async def ask_decision(
        asked: AskedDecision, caller: Analyst, response: Response, idempotency_key: IdempotencyKey = None
    ) -> Decision:
        """Ask for the decision about an application. It is written down before it is answered."""
        decision = await once(
            parts,
            caller,
            idempotency_key,
            f"POST {PATH}",
            asked,
            lambda: desk.decide(caller, asked, is_keyed=idempotency_key is not None),
            Decision,
        )
        response.headers["Location"] = f"{PATH}/{decision.id}"
        return decision


def _add_reading(routes: APIRouter, parts: Parts) -> None:
    @routes.get("", operation_id="list_decisions", responses=problems())
    async def decisions(
        caller: Viewer, chosen: Annotated[Wanted, Depends(wanted)], limit: Limit = 50, cursor: Cursor = None
    ) -> Page[DecisionSummary]:
        """List decisions, the newest first."""
        return await list_decisions(parts, caller, chosen, limit, cursor)

    @routes.get("/{decision}", operation_id="read_decision", responses=problems(404))
    async def decision(decision: DecisionName, caller: Viewer) -> Decision:
        """Return one decision with everything that it rests on, and what stands now."""
        return await read_decision(parts, caller, decision)

    @routes.get(
        "/{decision}/explanation",
        operation_id="explain_decision",
        response_model=ToldDecision,
        responses={**problems(404), **TEXT},
    )
    async def explanation(decision: DecisionName, caller: Viewer, request: Request) -> ToldDecision | PlainTextResponse:
        """Say in plain words, for the person, what was decided, why, and what stands now; `text/plain` or JSON."""
        told = await told_decision(parts, caller, decision)
        return PlainTextResponse(told.text) if _wants_text(request.headers.get("accept", JSON)) else told


def _wants_text(accept: str) -> bool:
    """Tell whether a client likes plain text better than JSON; where it likes both alike it gets JSON."""
    return _liking(accept, PLAIN) > _liking(accept, JSON)


def _liking(accept: str, media_type: str) -> float:
    """Return the weight of a media type in an `Accept` header, by the range that names it closest.

    References: RFC 9110, section 12.5.1.
    """
    likings: dict[str, float] = {}
    for entry in accept.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        weights = [part[2:] for part in parameters if part.startswith("q=")]
        likings[name] = _number(weights[0]) if weights else 1.0
    ranges = (media_type, media_type.partition("/")[0] + "/*", "*/*")
    return next((likings[name] for name in ranges if name in likings), 0.0)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
