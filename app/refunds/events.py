"""What the world is told of a refund's change, and the work that follows from it: pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from app.outbox.models import NewItem, event, job
from app.refunds.models import Refund, RefundStatus

SEND = "refund.send"
"""Brings a requested refund to a known state, should whoever asked for it be gone."""

SEND_DELAY = timedelta(seconds=30)
"""How long whoever asked for a refund has to send it before the worker does."""

CREATED = "refund.created"
_MOVES: Mapping[RefundStatus, str] = {
    RefundStatus.REQUESTED: CREATED,
    RefundStatus.CANCELLED: "refund.cancelled",
    RefundStatus.PENDING: "refund.pending",
    RefundStatus.PROCESSED: "refund.processed",
    RefundStatus.FAILED: "refund.failed",
}


def items(before: Refund | None, after: Refund) -> tuple[NewItem, ...]:
    """Return the events and jobs of a refund's change; `before` is None for a new refund.

    A refund that we hear of late was created first and then moved, with a sequence for each.
    """
    told = []
    if before is None:
        told.append(event(CREATED, after.id, sequence=1, payload=_facts(after, RefundStatus.REQUESTED)))
    if after.status is not (before.status if before is not None else RefundStatus.REQUESTED):
        told.append(event(_MOVES[after.status], after.id, sequence=after.version, payload=_facts(after, after.status)))
    if before is None and after.status is RefundStatus.REQUESTED:
        told.append(job(SEND, after.id, delay=SEND_DELAY))
    return tuple(told)


def _facts(refund: Refund, status: RefundStatus) -> dict[str, Any]:
    return {
        "refund_id": refund.id,
        "payment_id": refund.payment_id,
        "status": status.value,
        "amount": refund.money.minor,
        "currency": refund.money.currency,
        "origin": refund.origin.value,
        "gateway_refund_id": refund.gateway_refund_id,
        "failure": refund.failure,
    }
