"""The processor's events: what arrived, what became of it, and applying it again."""

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.auth.models import Permission
from app.dashboard.confirming import Question, ask, carry_out
from app.dashboard.door import HOME, desk_of
from app.dashboard.listing import chosen, filters_of, options_of, pager_of, text_of, window_of
from app.dashboard.route import DashboardRoute
from app.inbox.models import EventState
from app.inbox.schemas import payload_of
from app.inbox.store import EventFilter
from app.kit.ids import Prefix

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/events")


@router.get("")
async def dashboard_events(request: Request) -> Response:
    """Show events, newest first."""
    desk, query = desk_of(request), request.query_params
    window = window_of(request, Prefix.EVENT)
    where = EventFilter(state=chosen(query, "state", EventState), type=text_of(query, "type"))
    found = await desk.door.inbox.list_events(desk.scope, where=where, window=window)
    return await desk.show(
        "events.html",
        events=found.rows,
        pager=pager_of(request, window, found, id_of=lambda event: event.id),
        filters=filters_of(request),
        states=options_of(EventState, anything="Any state"),
    )


@router.get("/{event_id}")
async def dashboard_event(event_id: str, request: Request) -> Response:
    """Show an event as it arrived, with the people in it masked for whoever may not read them whole."""
    desk = desk_of(request)
    event = await desk.door.inbox.get_event(desk.scope, event_id)
    is_open = desk.may(Permission.CUSTOMERS_READ)
    content = _read(event.body) if is_open else payload_of(event, read=desk.door.inbox.erasing.people.masked)
    return await desk.show("event.html", event=event, content=content, is_open=is_open)


@router.get("/{event_id}/replay")
async def dashboard_event_replay_page(event_id: str, request: Request) -> Response:
    """Ask whether to apply it again."""
    desk = desk_of(request)
    event = await desk.door.inbox.get_event(desk.scope, event_id)
    question = Question(
        title="Apply this event again?",
        says=["The worker takes it up at once. What it has told us already is not done a second time."],
        button="Apply it again",
        back=f"{HOME}/events/{event.id}",
        facts=[("Event", event.event_id), ("Type", event.type or "not read yet")],
    )
    return await ask(desk, question)


@router.post("/{event_id}/replay")
async def dashboard_event_replay(event_id: str, request: Request) -> Response:
    """Make an event due again."""
    desk = desk_of(request)
    known = await desk.door.inbox.get_event(desk.scope, event_id)

    async def deed() -> object:
        return await desk.door.inbox.replay_event(desk.scope, known.id)

    return await carry_out(desk, deed, back=f"{HOME}/events/{known.id}", notice="replayed")


def _read(body: bytes) -> Any:
    """Return what an event says, or its bytes as text where they are no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")
