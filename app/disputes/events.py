"""What the world is told of a dispute's change: pure."""

from typing import Any

from app.disputes.models import Dispute, DisputeStatus
from app.outbox.models import NewItem, event


def items(before: Dispute | None, after: Dispute) -> tuple[NewItem, ...]:
    """Return the events of a dispute's change; `before` is None for a dispute that we had not heard of."""
    told = []
    if before is None:
        told.append(event("dispute.created", after.id, sequence=after.version, payload=_facts(after)))
    if after.status is not (before.status if before is not None else DisputeStatus.OPEN):
        told.append(event(f"dispute.{after.status}", after.id, sequence=after.version, payload=_facts(after)))
    return tuple(told)


def _facts(dispute: Dispute) -> dict[str, Any]:
    return {
        "dispute_id": dispute.id,
        "payment_id": dispute.payment_id,
        "status": dispute.status.value,
        "amount": dispute.money.minor,
        "amount_deducted": dispute.amount_deducted,
        "currency": dispute.money.currency,
        "phase": dispute.phase,
        "reason_code": dispute.reason_code,
    }
