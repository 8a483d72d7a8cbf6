"""Every room's router under `/api/v1`, and the seed's unversioned paths as aliases.

The first version's paths had no prefix; they stay, so that a client written against them keeps working. Only the
versioned ones are documented. What the API's description knows of more than one room is gathered here too.
"""

from collections.abc import Collection, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI

from app.audit.router import router as audit_router
from app.auth.router import routers as auth_routers
from app.health.router import router as health_router
from app.inbox.router import router as inbox_router
from app.payments.router import router as payments_router
from app.tenants.router import router as tenants_router

PREFIX = "/api/v1"

RAISED_BELOW: Mapping[str, Collection[str]] = {
    "auth": ("tenants", "audit"),
    "tenants": ("audit",),
    "payments": ("tenants",),
}
"""By room, the rooms below whose problems its operations may end in too; the description names them."""

_EVENTS: Mapping[str, tuple[str, str]] = {
    "payment.authorized": ("authorized", "The bank holds the money; it is not captured yet."),
    "payment.captured": ("captured", "The money is the merchant's."),
    "payment.failed": ("failed", "One attempt to pay has failed; the bank may still authorise it for days."),
    "order.paid": ("captured", "The order's whole amount was captured."),
}


def versioned() -> tuple[APIRouter, ...]:
    """Return the routers that stand under the version's prefix."""
    # Routes are tried in this order, so the busiest come first.
    return (payments_router, inbox_router, *auth_routers, tenants_router, audit_router)


def include_routers(app: FastAPI) -> None:
    """Put every route in its place."""
    for router in versioned():
        app.include_router(router, prefix=PREFIX)
    app.include_router(health_router)
    for router in versioned():
        app.include_router(router, include_in_schema=False)


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
            "413": {"description": "The body is too large."},
            "503": {"description": "It could not be stored; send it again."},
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
        "payload": {"type": "object", "properties": {"payment": _ENTITY, "order": _ENTITY}},
        "created_at": {"type": "integer", "description": "Seconds since 1970."},
    },
}


def _event_example(event: str, status: str) -> dict[str, Any]:
    payment = {
        "id": "pay_AbCdEfGhIjKlMn",
        "entity": "payment",
        "order_id": "order_AbCdEfGhIjKlMn",
        "amount": 50000,
        "currency": "INR",
        "status": status,
        "captured": status == "captured",
        "method": "upi",
        "created_at": 1767225600,
    }
    payload: dict[str, Any] = {"payment": {"entity": payment}}
    if event.startswith("order."):
        order = {"id": payment["order_id"], "entity": "order", "amount": 50000, "amount_paid": 50000, "status": "paid"}
        payload["order"] = {"entity": order}
    return {
        "entity": "event",
        "account_id": "acc_AbCdEfGhIjKlMn",
        "event": event,
        "contains": list(payload),
        "payload": payload,
        "created_at": 1767225660,
    }
