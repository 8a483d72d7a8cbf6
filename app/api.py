"""Every room's router under `/api/v1`, and the seed's unversioned paths as aliases.

The first version's paths had no prefix; they stay, so that a client written against them keeps working. Only the
versioned ones are documented. What the API's description knows of more than one room is gathered here too.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from app.audit.router import router as audit_router
from app.auth.router import routers as auth_routers
from app.checkout.router import router as checkout_router
from app.customers.router import router as customers_router
from app.dashboard.routers import routers as dashboard_routers
from app.disputes.router import router as disputes_router
from app.health.router import router as health_router
from app.inbox.router import receiver as processor_router
from app.inbox.router import router as inbox_router
from app.ledger.router import router as ledger_router
from app.links.pages import router as link_pages
from app.links.router import router as links_router
from app.notices.router import router as notices_router
from app.outbox.router import router as outbox_router
from app.pages.assets import router as assets_router
from app.payments.router import router as payments_router
from app.payments.suspense_router import router as suspense_router
from app.recovery.router import router as recovery_router
from app.refunds.router import router as refunds_router
from app.settlements.router import router as settlements_router
from app.tenants.router import router as tenants_router
from app.webhooks.router import router as webhooks_router

PREFIX = "/api/v1"

RAISED_BELOW: Mapping[str, Collection[str]] = {
    "auth": ("tenants", "audit"),
    "tenants": ("audit",),
    "payments": ("tenants", "audit"),
    "refunds": ("payments", "tenants"),
    "disputes": ("payments", "tenants"),
    "links": ("payments", "audit", "notices", "tenants"),
    "webhooks": ("audit",),
}
"""By room, the rooms below whose problems its operations may end in too; the description names them."""

_EVENTS: Mapping[str, tuple[str, str]] = {
    "payment.authorized": ("authorized", "The bank holds the money; it is not captured yet."),
    "payment.captured": ("captured", "The money is the merchant's."),
    "payment.failed": ("failed", "One attempt to pay has failed; the bank may still authorise it for days."),
    "order.paid": ("captured", "The order's whole amount was captured."),
    "refund.created": ("pending", "A refund was made, by us or at the processor."),
    "refund.processed": ("processed", "The money has gone back."),
    "refund.failed": ("failed", "The money could not go back; it is the merchant's again."),
    "settlement.processed": ("processed", "Money is on its way to the merchant's bank."),
    "refund.speed_changed": ("pending", "A refund that was to go at once goes at the banks' pace."),
}


PAGES: Sequence[APIRouter] = (checkout_router, link_pages, assets_router, *dashboard_routers)
"""The routers of what people see; their paths stand as they are."""


def versioned() -> tuple[APIRouter, ...]:
    """Return the routers that stand under the version's prefix."""
    # Routes are tried in this order, so the busiest come first.
    return (
        processor_router,
        payments_router,
        refunds_router,
        links_router,
        customers_router,
        disputes_router,
        settlements_router,
        recovery_router,
        inbox_router,
        suspense_router,
        ledger_router,
        outbox_router,
        webhooks_router,
        notices_router,
        *auth_routers,
        tenants_router,
        audit_router,
    )


def include_routers(app: FastAPI) -> None:
    """Put every route in its place."""
    for router in versioned():
        app.include_router(router, prefix=PREFIX)
    app.include_router(health_router)
    for router in versioned():
        app.include_router(router, include_in_schema=False)
    for router in PAGES:
        app.include_router(router)


def processor_webhooks() -> dict[str, Any]:
    """Return the `webhooks` section of the description: the events that the processor sends to us.

    Their shape is the processor's, so it is described as far as we read it. Events of other types are stored, answered
    in the same way and ignored.
    """
    return {event: {"post": _webhook(event, status, says)} for event, (status, says) in _EVENTS.items()}


def _webhook(event: str, status: str, says: str) -> dict[str, Any]:
    signature = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    return {
        "operationId": f"webhook_{event.replace('.', '_')}",
        "summary": event,
        "description": f"{says} Razorpay sends it to `{PREFIX}/webhooks/razorpay/{{merchant}}`, at least once and in "
        "any order, until the answer is 2xx.",
        "tags": ["Processor events"],
        "security": [],
        "parameters": [
            _header("X-Razorpay-Signature", "HMAC-SHA256 over the raw body with the webhook secret.", signature),
            _header("X-Razorpay-Event-Id", "The same for every delivery of one event.", {"type": "string"}),
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _EVENT_SCHEMA, "example": _event_example(event, status)}},
        },
        "responses": {
            "200": {"description": "Stored, also when it was known already; a worker applies it."},
            "401": {"description": "The signature does not fit; nothing was stored."},
            "408": {"description": "The body did not arrive in time; send it again."},
            "413": {"description": "The body is too large."},
            "429": {
                "description": "More events for one merchant from one address than the budget holds; send it again."
            },
            "503": {"description": "It could not be stored, or there was too much to do; send it again."},
        },
    }


def _header(name: str, says: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": True, "description": says, "schema": schema}


_ENTITY = {"type": "object", "required": ["entity"], "properties": {"entity": {"type": "object"}}}
_EVENT_SCHEMA = {
    "type": "object",
    "required": ["event", "payload"],
    "properties": {
        "entity": {"const": "event"},
        "account_id": {"type": "string"},
        "event": {"type": "string"},
        "contains": {"type": "array", "items": {"type": "string"}},
        "payload": {
            "type": "object",
            "properties": dict.fromkeys(("payment", "order", "refund", "settlement"), _ENTITY),
        },
        "created_at": {"type": "integer", "description": "Seconds since 1970."},
    },
}


def _event_example(event: str, status: str) -> dict[str, Any]:
    of_refund = event.startswith("refund.")
    payment = {
        "id": "pay_AbCdEfGhIjKlMn",
        "entity": "payment",
        "order_id": "order_AbCdEfGhIjKlMn",
        "amount": 50000,
        "currency": "INR",
        "status": "captured" if of_refund else status,
        "captured": of_refund or status == "captured",
        "method": "upi",
        "created_at": 1767225600,
    }
    payload: dict[str, Any] = {"payment": {"entity": payment}}
    if event.startswith("order."):
        order = {"id": payment["order_id"], "entity": "order", "amount": 50000, "amount_paid": 50000, "status": "paid"}
        payload["order"] = {"entity": order}
    if of_refund:
        refund = {
            "id": "rfnd_AbCdEfGhIjKlMn",
            "entity": "refund",
            "payment_id": payment["id"],
            "amount": 20000,
            "currency": "INR",
            "status": status,
            "receipt": "ref_01KAQ7X2V8M3TZB5C6D9EFGHJK",
            "created_at": 1767225600,
        }
        payload = {"refund": {"entity": refund}, **payload}
    if event.startswith("settlement."):
        settlement = {
            "id": "setl_AbCdEfGhIjKlMn",
            "entity": "settlement",
            "amount": 48820,
            "status": status,
            "fees": 0,
            "tax": 0,
            "utr": "1568176960vxp0rj",
            "created_at": 1767225600,
        }
        payload = {"settlement": {"entity": settlement}}
    return {
        "entity": "event",
        "account_id": "acc_AbCdEfGhIjKlMn",
        "event": event,
        "contains": list(payload),
        "payload": payload,
        "created_at": 1767225660,
    }
