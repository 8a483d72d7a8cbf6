"""The processor's webhook, and the inbox for people."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.auth.models import Permission
from app.inbox.schemas import EventDetail, EventQuery, EventRead, Receipt
from app.inbox.service import Inbox
from app.kit.clock import Clock
from app.web.envelope import Page, Success, ok
from app.web.principal import CurrentPrincipal
from app.web.route import Route

receiver = APIRouter(tags=["Processor events"], route_class=Route)
"""The one route that the processor calls: apart, so that it can be tried before all others."""

router = APIRouter(tags=["Processor events"], route_class=Route)


@dataclass(frozen=True, slots=True)
class InboxDoor:
    """What the routes need."""

    inbox: Inbox
    clock: Clock


def _door(request: Request) -> InboxDoor:
    # Called and not declared: a dependency costs a twentieth of what an event costs in all.
    state = request.app.state
    return InboxDoor(state.inbox, state.clock)


@receiver.post(
    "/webhooks/razorpay/{merchant}",
    openapi_extra={"x-idempotency": "none"},
    summary="Receive an event of the processor",
)
async def webhooks_razorpay_receive(merchant: str, request: Request) -> Success[Receipt]:
    """Store a signed event and answer at once; a worker applies it.

    The signature header is `X-Razorpay-Signature`, over the raw body; `X-Razorpay-Event-Id` tells repetitions.
    """
    door = _door(request)
    headers = request.headers
    await door.inbox.record_event(
        merchant,
        body=request.state.raw_body,
        signature=headers.get("x-razorpay-signature"),
        event_id=headers.get("x-razorpay-event-id"),
    )
    return ok(Receipt(received=True), "Event stored.", now=door.clock.now())


@router.get("/events", summary="List the processor's events")
async def events_list(
    query: Annotated[EventQuery, Query()], principal: CurrentPrincipal, request: Request
) -> Success[Page[EventRead]]:
    """Return events, newest first, by cursor."""
    door = _door(request)
    found = await door.inbox.list_events(principal.scope, where=query.to_filter(), window=query.window())
    return ok(found.read(EventRead.of), "Events.", now=door.clock.now())


@router.get("/events/{event_id}", summary="Inspect an event")
async def events_get(event_id: str, principal: CurrentPrincipal, request: Request) -> Success[EventDetail]:
    """Return an event with its payload. Without `customers:read` the people in it are masked."""
    door = _door(request)
    event = await door.inbox.get_event(principal.scope, event_id)
    masked = None if Permission.CUSTOMERS_READ in principal.permissions else door.inbox.erasing.people.masked
    return ok(EventDetail.whole(event, masked=masked), "Event.", now=door.clock.now())


@router.post("/events/{event_id}/replay", summary="Replay an event")
async def events_replay(event_id: str, principal: CurrentPrincipal, request: Request) -> Success[EventRead]:
    """Apply an event again; an effect it already had is not repeated."""
    door = _door(request)
    event = await door.inbox.replay_event(principal.scope, event_id)
    return ok(EventRead.of(event), "The event will be applied again.", now=door.clock.now())
