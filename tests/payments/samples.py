"""Payments, attempts and snapshots to test with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.gateways.port import AttemptStatus, Failure, GatewayPayment
from app.kit.money import Money
from app.kit.scope import Mode, Scope
from app.payments.models import (
    Attempt,
    HistoryEntry,
    OrderState,
    Part,
    Payment,
    PaymentStatus,
)

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SCOPE = Scope("mer_01ARZ3NDEKTSV4RRFFQ69G5FAV", Mode.TEST)
MONEY = Money(50_000, "INR")
ORDER = "order_IEIaMR65cu6nz3"
OTHER_ORDER = "order_OrphanOrphan01"


def payment(**changes: Any) -> Payment:
    """Return a payment that waits for its customer."""
    waiting = Payment(
        id="pmt_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        scope=SCOPE,
        money=MONEY,
        status=PaymentStatus.PENDING,
        order_state=OrderState.READY,
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW + timedelta(days=1),
        order_id=ORDER,
        history=(HistoryEntry(at=NOW, event="payment.created", status=PaymentStatus.PENDING, source="api"),),
    )
    return replace(waiting, **changes)


def attempt(status: AttemptStatus, **changes: Any) -> Attempt:
    """Return an attempt of the payment's own amount."""
    plain = Attempt(id="pay_A", status=status, amount=MONEY, method="card", created_at=NOW)
    return replace(plain, **changes)


def primary(status: AttemptStatus, **changes: Any) -> Attempt:
    """Return the attempt whose money is the payment's."""
    captured = status in {AttemptStatus.CAPTURED, AttemptStatus.REFUNDED}
    return attempt(status, **({"part": Part.PRIMARY, "captured": captured} | changes))


def snapshot(status: AttemptStatus, **changes: Any) -> GatewayPayment:
    """Return what the processor says of one attempt on the payment's order."""
    said = GatewayPayment(
        id="pay_A",
        order_id=ORDER,
        amount=MONEY,
        status=status,
        method="card",
        created_at=NOW,
        captured=status is AttemptStatus.CAPTURED,
        failure=Failure(code="BAD_REQUEST_ERROR", reason="card_declined") if status is AttemptStatus.FAILED else None,
        raw={"id": "pay_A", "status": status.value},
    )
    return replace(said, **changes)
