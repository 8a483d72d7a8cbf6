"""What each invariant says of one payment, one suspense entry or one backlog: pure (I1, I7, I10, I14)."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from app.gateways.port import AttemptStatus, CaptureMethod
from app.kit.scope import Scope
from app.payments.models import OrderState, Payment, PaymentStatus, ReviewReason, SuspenseEntry
from app.recovery.models import Invariant, Violation

ORDER_PATIENCE = timedelta(hours=1)
"""How long a payment's order may be unknown before it counts as stuck."""

CAPTURE_PATIENCE = timedelta(days=1)
"""How long money may stay authorised that should have been captured by itself (C1)."""

OVERDUE = timedelta(minutes=10)
"""How long work may wait beyond its moment before it counts as stuck."""


def of_payment(payment: Payment, *, booked: int | None, held: int, now: datetime) -> Iterator[Violation]:
    """Yield what is wrong with a payment.

    Args:
        payment: as stored.
        booked: the amount of the ledger's capture entry of its primary attempt, None when there is none.
        held: what its refunds that neither failed nor were cancelled come to.
        now: the present moment.
    """
    captured = payment.amount_captured
    if captured and booked is None:
        yield _of(payment, Invariant.I1, "captured_not_booked")
    if captured and booked is not None and booked != captured:
        yield _of(payment, Invariant.I1, "booked_amount_differs")
    if payment.refunds_reserved > captured and ReviewReason.REFUNDS_EXCEED_CAPTURE not in payment.review:
        yield _of(payment, Invariant.I7, "reserved_exceeds_captured")
    if payment.refunds_reserved != held:
        yield _of(payment, Invariant.I10, "reserved_differs_from_refunds")
    if payment.amount_refunded > payment.refunds_reserved:
        yield _of(payment, Invariant.I10, "refunded_exceeds_reserved")
    yield from _stuck(payment, now=now)


def of_suspense(entry: SuspenseEntry, *, booked: int | None) -> Iterator[Violation]:
    """Yield what is wrong with money in suspense: it is booked there, and as much as it is."""
    if booked != entry.held.amount.minor:
        fact = "suspended_not_booked" if booked is None else "booked_amount_differs"
        yield Violation(Invariant.I1, entry.scope, entry.id, fact)


def of_backlog(overdue: Mapping[str, list[tuple[Scope, str]]]) -> Iterator[Violation]:
    """Yield what is stuck, by the name of where it waits: `event_overdue`, `job_overdue`, `refund_not_sent`."""
    for fact, rows in overdue.items():
        for scope, subject in rows:
            yield Violation(Invariant.I14, scope, subject, fact)


def _stuck(payment: Payment, *, now: datetime) -> Iterator[Violation]:
    age = now - payment.created_at
    is_open = payment.status is not PaymentStatus.CANCELLED
    if is_open and payment.order_state in {OrderState.REQUESTED, OrderState.UNKNOWN} and age > ORDER_PATIENCE:
        yield _of(payment, Invariant.I14, "order_unknown")
    attempt = payment.primary
    is_authorized = payment.status is PaymentStatus.AUTHORIZED and payment.capture_method is CaptureMethod.AUTOMATIC
    if is_authorized and attempt is not None and attempt.status is AttemptStatus.AUTHORIZED:
        since = attempt.created_at
        if now - since > CAPTURE_PATIENCE:
            yield _of(payment, Invariant.I14, "authorized_not_captured")


def _of(payment: Payment, invariant: Invariant, fact: str) -> Violation:
    return Violation(invariant, payment.scope, payment.id, fact)
