"""What the world is told of a settlement's change, and the work that follows from it: pure."""

from datetime import timedelta
from typing import Any

from app.outbox.models import Lane, NewItem, event, job
from app.settlements.models import Agreement, Settlement, SettlementStatus

RECONCILE = "settlements.reconcile"
RECONCILE_ONCE = "settlements.reconcile_once"
_LINES_FOLLOW = timedelta(minutes=1)
_TOLD = frozenset({SettlementStatus.PROCESSED, SettlementStatus.FAILED})


def items(before: Settlement | None, after: Settlement) -> tuple[NewItem, ...]:
    """Return the events and jobs of a settlement's change; `before` is None for one we had not heard of."""
    told: list[NewItem] = []
    if after.status in _TOLD and (before is None or before.status is not after.status):
        told.append(event(f"settlement.{after.status}", after.id, sequence=after.version, payload=_facts(after)))
        if after.status is SettlementStatus.PROCESSED:
            once = str(after.version)
            told.append(job(RECONCILE, after.id, lane=Lane.BULK, delay=_LINES_FOLLOW, once=once))
    was = Agreement.PENDING if before is None else before.agreement
    if after.agreement is not was and after.agreement is not Agreement.PENDING:
        told.append(event("settlement.reconciled", after.id, sequence=after.version, payload=_facts(after)))
    return tuple(told)


def reconcile_once(settlement_id: str, *, once: str) -> NewItem:
    """Return the work of comparing a settlement's lines with what is here one more time, as somebody asked."""
    return job(RECONCILE_ONCE, settlement_id, lane=Lane.BULK, once=once)


def _facts(settlement: Settlement) -> dict[str, Any]:
    return {
        "settlement_id": settlement.id,
        "gateway_settlement_id": settlement.gateway_settlement_id,
        "status": settlement.status.value,
        "agreement": settlement.agreement.value,
        "amount": settlement.money.minor,
        "fees": settlement.fees,
        "tax": settlement.tax,
        "currency": settlement.money.currency,
    }
