"""Outgoing webhooks over HTTP: endpoints, and what became of each delivery."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.audit.models import Actor
from app.kit.clock import Clock
from app.web.envelope import Page, Success, ok
from app.web.principal import CurrentPrincipal, Principal
from app.web.route import Route
from app.webhooks.deliveries import Deliveries
from app.webhooks.schemas import (
    DeliveryDetail,
    DeliveryQuery,
    DeliveryRead,
    EndpointCreate,
    EndpointDeleted,
    EndpointMade,
    EndpointQuery,
    EndpointRead,
    EndpointUpdate,
    ReplayRead,
    ReplayRequest,
    SecretRead,
)
from app.webhooks.service import EndpointChange, Endpoints

router = APIRouter(tags=["Outgoing webhooks"], route_class=Route)
_ONE = "/webhook-endpoints/{endpoint_id}"
# An answer with a secret is never kept for a repetition.
_UNKEPT = {"x-idempotency": "none"}


@dataclass(frozen=True, slots=True)
class WebhooksDoor:
    """What the routes need."""

    endpoints: Endpoints
    deliveries: Deliveries
    clock: Clock


def _door(request: Request) -> WebhooksDoor:
    room = request.app.state.webhooks
    return WebhooksDoor(room.endpoints, room.deliveries, request.app.state.clock)


def _actor(principal: Principal) -> Actor:
    return Actor(kind=principal.subject_kind.value, id=principal.subject_id)


@router.post("/webhook-endpoints", status_code=201, summary="Make an endpoint", openapi_extra=_UNKEPT)
async def webhook_endpoints_create(
    body: EndpointCreate, principal: CurrentPrincipal, request: Request
) -> Success[EndpointMade]:
    """Register an address that gets events from now on. Its signing secret is shown this once."""
    door = _door(request)
    endpoint, secret = await door.endpoints.create_endpoint(
        principal.scope,
        actor=_actor(principal),
        url=body.url,
        events=tuple(body.events),
        description=body.description,
    )
    return ok(EndpointMade.made(endpoint, secret), "Webhook endpoint made.", now=door.clock.now())


@router.get("/webhook-endpoints", summary="List the endpoints")
async def webhook_endpoints_list(
    query: Annotated[EndpointQuery, Query()], principal: CurrentPrincipal, request: Request
) -> Success[Page[EndpointRead]]:
    """Return the endpoints of this mode, newest first, by cursor."""
    door = _door(request)
    found = await door.endpoints.page_endpoints(principal.scope, window=query.window())
    return ok(found.read(EndpointRead.of), "Webhook endpoints.", now=door.clock.now())


@router.get(_ONE, summary="Fetch an endpoint")
async def webhook_endpoints_get(
    endpoint_id: str, principal: CurrentPrincipal, request: Request
) -> Success[EndpointRead]:
    """Return an endpoint, without its secret."""
    door = _door(request)
    endpoint = await door.endpoints.get_endpoint(principal.scope, endpoint_id)
    return ok(EndpointRead.of(endpoint), "Webhook endpoint.", now=door.clock.now())


@router.patch(_ONE, summary="Change an endpoint")
async def webhook_endpoints_update(
    endpoint_id: str, body: EndpointUpdate, principal: CurrentPrincipal, request: Request
) -> Success[EndpointRead]:
    """Change its address, events, description or state; enabling it sends what waits."""
    door = _door(request)
    change = EndpointChange(
        url=body.url,
        events=None if body.events is None else tuple(body.events),
        description=body.description,
        state=body.state,
    )
    endpoint = await door.endpoints.update_endpoint(principal.scope, endpoint_id, change, actor=_actor(principal))
    return ok(EndpointRead.of(endpoint), "Webhook endpoint changed.", now=door.clock.now())


@router.delete(_ONE, summary="Delete an endpoint")
async def webhook_endpoints_delete(
    endpoint_id: str, principal: CurrentPrincipal, request: Request
) -> Success[EndpointDeleted]:
    """Delete an endpoint and what waits for it."""
    door = _door(request)
    await door.endpoints.delete_endpoint(principal.scope, endpoint_id, actor=_actor(principal))
    return ok(EndpointDeleted(id=endpoint_id), "Webhook endpoint deleted.", now=door.clock.now())


@router.post(f"{_ONE}/rotate-secret", summary="Rotate the signing secret", openapi_extra=_UNKEPT)
async def webhook_endpoints_rotate_secret(
    endpoint_id: str, principal: CurrentPrincipal, request: Request
) -> Success[SecretRead]:
    """Return a new secret, once. For a day deliveries carry the signatures of both."""
    door = _door(request)
    secret = await door.endpoints.rotate_secret(principal.scope, endpoint_id, actor=_actor(principal))
    return ok(SecretRead(id=endpoint_id, secret=secret), "The secret was rotated.", now=door.clock.now())


@router.post(f"{_ONE}/test", summary="Send a test event")
async def webhook_endpoints_test(
    endpoint_id: str, principal: CurrentPrincipal, request: Request
) -> Success[DeliveryRead]:
    """Queue an event named `endpoint.test`, whatever the endpoint listens to."""
    door = _door(request)
    delivery = await door.deliveries.send_test(principal.scope, endpoint_id)
    return ok(DeliveryRead.of(delivery), "A test event is on its way.", now=door.clock.now())


@router.post(f"{_ONE}/replay", summary="Send a span of events again")
async def webhook_endpoints_replay(
    endpoint_id: str, body: ReplayRequest, principal: CurrentPrincipal, request: Request
) -> Success[ReplayRead]:
    """Queue again what the endpoint was to get in a span of time, such as an outage of its own."""
    door = _door(request)
    count = await door.deliveries.replay(
        principal.scope, endpoint_id, since=body.since, before=body.before, parked_only=body.parked_only
    )
    return ok(ReplayRead(count=count), "The events will be sent again.", now=door.clock.now())


@router.get("/webhook-deliveries", summary="List deliveries")
async def webhook_deliveries_list(
    query: Annotated[DeliveryQuery, Query()], principal: CurrentPrincipal, request: Request
) -> Success[Page[DeliveryRead]]:
    """Return deliveries, newest first, by cursor."""
    door = _door(request)
    found = await door.deliveries.list_deliveries(principal.scope, where=query.to_filter(), window=query.window())
    return ok(found.read(DeliveryRead.of), "Webhook deliveries.", now=door.clock.now())


@router.get("/webhook-deliveries/{delivery_id}", summary="Inspect a delivery")
async def webhook_deliveries_get(
    delivery_id: str, principal: CurrentPrincipal, request: Request
) -> Success[DeliveryDetail]:
    """Return a delivery with its body and every try."""
    door = _door(request)
    delivery = await door.deliveries.get_delivery(principal.scope, delivery_id)
    return ok(DeliveryDetail.whole(delivery), "Webhook delivery.", now=door.clock.now())


@router.post("/webhook-deliveries/{delivery_id}/resend", summary="Send a delivery again")
async def webhook_deliveries_resend(
    delivery_id: str, principal: CurrentPrincipal, request: Request
) -> Success[DeliveryRead]:
    """Queue an ended delivery again, with a fresh set of tries."""
    door = _door(request)
    delivery = await door.deliveries.resend(principal.scope, delivery_id)
    return ok(DeliveryRead.of(delivery), "The delivery will be sent again.", now=door.clock.now())
