"""Events: the envelope, and the snapshots it carries."""

from datetime import datetime
from typing import Any

from app.gateways.port import GatewayEvent
from app.gateways.razorpay.translate.disputes import to_dispute
from app.gateways.razorpay.translate.pages import Convert, N
from app.gateways.razorpay.translate.payments import to_payment
from app.gateways.razorpay.translate.reading import Unreadable, at, to_shape
from app.gateways.razorpay.translate.refunds import to_refund
from app.gateways.razorpay.translate.settlements import to_settlement
from app.gateways.razorpay.wire import CreatedShape, EventShape, ReceiptShape


def to_event(body: Any) -> GatewayEvent:
    """Return an event with the payments, refunds, disputes and settlements it carries.

    Raises:
        Unreadable: there is no envelope, or it carries one of these that can't be read.
    """
    shape = to_shape(EventShape, body)
    created_at = at(shape.created_at) if shape.created_at is not None else None
    orders = [to_shape(ReceiptShape, entity) for entity in _entities(shape.payload, "order")]

    def read(name: str, convert: Convert[N]) -> tuple[N, ...]:
        return tuple(
            convert(entity, seen_at=created_at or _own_time(entity)) for entity in _entities(shape.payload, name)
        )

    return GatewayEvent(
        type=shape.event,
        account_id=shape.account_id,
        created_at=created_at,
        payments=read("payment", to_payment),
        order_receipt=orders[0].receipt if orders else None,
        refunds=read("refund", to_refund),
        disputes=read("dispute", to_dispute),
        settlements=read("settlement", to_settlement),
    )


def _own_time(entity: Any) -> datetime:
    """Return when the entity says it was made. Raises Unreadable."""
    own = to_shape(CreatedShape, entity).created_at
    if own is None:
        message = "neither the event nor what it carries says when"
        raise Unreadable(message)
    return at(own)


def _entities(payload: dict[str, Any], name: str) -> list[Any]:
    """Return what the payload holds under a name: one wrapped entity, or several."""
    held = payload.get(name)
    if held is None:
        return []
    wrapped = held if type(held) is list else [held]
    if not all(type(item) is dict and "entity" in item for item in wrapped):
        message = f"the event's {name} has no entity"
        raise Unreadable(message)
    return [item["entity"] for item in wrapped]
