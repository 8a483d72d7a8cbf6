"""Where the merchant's own systems are told what happens: endpoints, and what became of each delivery."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.listing import chosen, filters_of, options_of, pager_of, window_of
from app.dashboard.revealing import Made, reveal
from app.dashboard.route import DashboardRoute
from app.disputes.models import DisputeStatus
from app.kit.ids import Prefix
from app.payments.models import PaymentStatus
from app.refunds.models import RefundStatus
from app.webhooks.models import EVERY, DeliveryState, Endpoint
from app.webhooks.problems import TooManyWebhookEndpoints, WebhookUrlRefused
from app.webhooks.service import EndpointChange
from app.webhooks.store import DeliveryFilter

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/webhooks")

_DESCRIPTION_LENGTH = 255
_EVENT = "event."
EVENTS: Sequence[str] = (
    *(f"payment.{status}" for status in PaymentStatus if status is not PaymentStatus.PENDING),
    "payment.needs_review",
    *(f"payment_link.{word}" for word in ("created", "paid", "cancelled", "resent")),
    "refund.created",
    *(f"refund.{status}" for status in RefundStatus if status is not RefundStatus.REQUESTED),
    "dispute.created",
    *(f"dispute.{status}" for status in DisputeStatus),
    *(f"settlement.{word}" for word in ("processed", "failed", "reconciled")),
    "suspense.opened",
    "suspense.placed",
)
"""What an endpoint may ask for by name; by the API it may ask for names that are still to come, too."""

_REFUSALS: Mapping[str, str] = {
    "not_an_address": "This is no address. Write it in full, such as https://shop.example/hooks.",
    "has_credentials": "Leave name and password out of the address; deliveries are signed instead.",
    "not_https": "The address must begin with https://.",
    "port_not_allowed": "Only the ports 443 and 8443 are called.",
    "not_public": "This host is not on the public internet.",
}


@router.get("")
async def dashboard_webhooks(request: Request) -> Response:
    """Show the endpoints, newest first, and the form for another."""
    return await _list(desk_of(request))


@router.post("")
async def dashboard_webhook_create(request: Request) -> Response:
    """Make an endpoint, and show its signing secret: this once."""
    desk = desk_of(request)
    values, errors = _read(desk)
    if errors:
        return await _list(desk, values=values, errors=errors)
    try:
        endpoint, secret = await desk.door.endpoints.create_endpoint(
            desk.scope,
            actor=desk.actor,
            url=values["url"],
            events=values["events"],
            description=values["description"] or None,
        )
    except (WebhookUrlRefused, TooManyWebhookEndpoints) as problem:
        return await _list(desk, values=values, errors={"url": _sentence(problem)})
    return await reveal(desk, made_of(endpoint, secret, title="The endpoint is made"))


@router.get("/{endpoint_id}")
async def dashboard_webhook(endpoint_id: str, request: Request) -> Response:
    """Show an endpoint with its deliveries, newest first."""
    desk, window = desk_of(request), window_of(request, Prefix.DELIVERY)
    endpoint = await desk.door.endpoints.get_endpoint(desk.scope, endpoint_id)
    where = DeliveryFilter(endpoint_id=endpoint.id, state=chosen(request.query_params, "state", DeliveryState))
    found = await desk.door.deliveries.list_deliveries(desk.scope, where=where, window=window)
    return await desk.show(
        "webhook.html",
        endpoint=endpoint,
        deliveries=found.rows,
        pager=pager_of(request, window, found, id_of=lambda delivery: delivery.id),
        filters=filters_of(request),
        states=options_of(DeliveryState, anything="Any state"),
    )


@router.get("/{endpoint_id}/change")
async def dashboard_webhook_change_page(endpoint_id: str, request: Request) -> Response:
    """Show the form that changes an endpoint."""
    desk = desk_of(request)
    endpoint = await desk.door.endpoints.get_endpoint(desk.scope, endpoint_id)
    values = {"url": endpoint.url, "events": endpoint.events, "description": endpoint.description or ""}
    return await _change(desk, endpoint, values=values)


@router.post("/{endpoint_id}/change")
async def dashboard_webhook_change(endpoint_id: str, request: Request) -> Response:
    """Change an endpoint's address, events and description."""
    desk = desk_of(request)
    known = await desk.door.endpoints.get_endpoint(desk.scope, endpoint_id)
    values, errors = _read(desk, known=known)
    if errors:
        return await _change(desk, known, values=values, errors=errors)
    change = EndpointChange(url=values["url"], events=values["events"], description=values["description"])
    try:
        await desk.door.endpoints.update_endpoint(desk.scope, known.id, change, actor=desk.actor)
    except WebhookUrlRefused as problem:
        return await _change(desk, known, values=values, errors={"url": _sentence(problem)})
    return desk.done(page_of(known.id), "webhook_changed")


@router.get("/deliveries/{delivery_id}")
async def dashboard_delivery(delivery_id: str, request: Request) -> Response:
    """Show a delivery: what is sent, and how each try ended."""
    desk = desk_of(request)
    delivery = await desk.door.deliveries.get_delivery(desk.scope, delivery_id)
    return await desk.show("delivery.html", delivery=delivery, body=json.loads(delivery.body))


def page_of(endpoint_id: str) -> str:
    """Return where an endpoint is shown."""
    return f"{HOME}/webhooks/{endpoint_id}"


def made_of(endpoint: Endpoint, secret: str, *, title: str) -> Made:
    """Return what is shown, once, of a new signing secret."""
    return Made(
        title=title,
        says="The signing secret is shown this once. Your receiver checks with it that a delivery comes from here.",
        copied=[("Secret", secret)],
        back=page_of(endpoint.id),
        facts=[("Address", endpoint.url), ("Endpoint", endpoint.id)],
        hint="Any library of the Standard Webhooks specification verifies with it.",
    )


def _read(desk: Desk, *, known: Endpoint | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what the form holds, and what is wrong with it. Names that have no box here stay as they were."""
    form = desk.form
    others = () if known is None else tuple(name for name in known.events if name not in {*EVENTS, EVERY})
    named = tuple(name for name in (*EVENTS, *others) if form.get(_EVENT + name))
    values: dict[str, Any] = {
        "url": form.get("url", "").strip(),
        "description": form.get("description", "").strip(),
        "events": (EVERY,) if form.get("which") == "every" else named,
    }
    errors: dict[str, str] = {}
    if not values["events"]:
        errors["events"] = "Tick at least one event, or choose all of them."
    if len(values["description"]) > _DESCRIPTION_LENGTH:
        errors["description"] = f"At most {_DESCRIPTION_LENGTH} letters."
    return values, errors


def _sentence(problem: WebhookUrlRefused | TooManyWebhookEndpoints) -> str:
    return _REFUSALS.get(str((problem.details or {}).get("reason")), problem.message)


async def _list(
    desk: Desk, *, values: Mapping[str, Any] | None = None, errors: Mapping[str, str] | None = None
) -> Response:
    window = window_of(desk.request, Prefix.ENDPOINT)
    found = await desk.door.endpoints.page_endpoints(desk.scope, window=window)
    return await desk.show(
        "webhooks.html",
        status=422 if errors else 200,
        endpoints=found.rows,
        pager=pager_of(desk.request, window, found, id_of=lambda endpoint: endpoint.id),
        names=EVENTS,
        values=values or {"url": "", "events": (EVERY,), "description": ""},
        errors=errors or {},
    )


async def _change(
    desk: Desk, endpoint: Endpoint, *, values: Mapping[str, Any], errors: Mapping[str, str] | None = None
) -> Response:
    return await desk.show(
        "webhook_change.html",
        status=422 if errors else 200,
        endpoint=endpoint,
        names=[*EVENTS, *(name for name in endpoint.events if name not in {*EVENTS, EVERY})],
        values=values,
        errors=errors or {},
    )
